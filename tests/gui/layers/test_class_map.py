from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points

from napari_scsam.gui.layers.class_map import add_quietly, map_layer
from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.shown_class import NAME, ShownClassLayer


@pytest.fixture
def image():
    return Image(np.zeros((5, 8, 10)), scale=(40, 8, 8), translate=(100, 16, 0), name="em")


@pytest.fixture
def viewer(image):
    viewer = ViewerModel()
    viewer.add_layer(image)
    viewer.add_layer(Labels(np.zeros((5, 8, 10), np.uint8), name="labels"))
    viewer.add_layer(Points(np.zeros((1, 3)), name="points"))
    viewer.layers.selection.active = viewer.layers["labels"]
    return viewer


def test_a_map_lies_on_its_plane(image):
    values = np.random.default_rng(0).random((8, 10))
    layer = map_layer(image, Plane(0, 3), values, "ER", (0.0, 1.0))
    assert layer.data.shape == (1, 8, 10)
    np.testing.assert_allclose(layer.data[0], values, rtol=1e-6)
    np.testing.assert_allclose(layer.data_to_world((0, 2, 4)), image.data_to_world((3, 2, 4)))
    assert tuple(layer.contrast_limits) == (0.0, 1.0)
    assert layer.metadata[NOT_KEPT_KEY]


def test_a_map_of_a_slice_across_lies_there(image):
    layer = map_layer(image, Plane(2, 7), np.ones((5, 8)), "ER", (0.0, 1.0))
    assert layer.data.shape == (5, 8, 1)
    np.testing.assert_allclose(layer.data_to_world((1, 2, 0)), image.data_to_world((1, 2, 7)))


def test_a_map_is_added_below_labels_and_changes_no_selection(viewer, image):
    layer = map_layer(image, Plane(0, 0), np.ones((8, 10)), "ER", (0.0, 1.0))
    add_quietly(viewer, layer)
    assert [each.name for each in viewer.layers] == ["em", "ER", "labels", "points"]
    assert viewer.layers.selection.active.name == "labels"
    assert {each.name for each in viewer.layers.selection} == {"labels"}


def test_a_map_is_the_last_where_there_are_images_only(image):
    viewer = ViewerModel()
    viewer.add_layer(image)
    add_quietly(viewer, map_layer(image, Plane(0, 0), np.ones((8, 10)), "ER", (0.0, 1.0)))
    assert [each.name for each in viewer.layers] == ["em", "ER"]


def test_a_class_is_shown_on_its_plane_and_cannot_be_edited(viewer, image, classes):
    shown = ShownClassLayer(viewer, image)
    labels = np.zeros((8, 10), np.uint8)
    labels[2, 4] = 3
    shown.show(Plane(0, 3), labels, classes)
    layer = viewer.layers[NAME]
    assert layer.data.shape == (1, 8, 10)
    assert layer.data[0, 2, 4] == 3
    assert not layer.editable
    np.testing.assert_allclose(layer.data_to_world((0, 2, 4)), image.data_to_world((3, 2, 4)))
    np.testing.assert_allclose(layer.colormap.map(3)[:3], [0x46 / 255, 0xC8 / 255, 0x64 / 255])
    assert viewer.layers.selection.active.name == "labels"


def test_the_shown_class_moves_with_the_plane_and_goes(viewer, image, classes):
    shown = ShownClassLayer(viewer, image)
    for z in (0, 4, 4):
        shown.show(Plane(0, z), np.ones((8, 10), np.uint8), classes)
        np.testing.assert_allclose(
            shown.layer.data_to_world((0, 0, 0)), image.data_to_world((z, 0, 0))
        )
    assert [each.name for each in viewer.layers].count(NAME) == 1
    shown.remove()
    shown.remove()
    assert NAME not in viewer.layers
