from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_scsam.config import ClassSpec
from napari_scsam.gui.layers import class_table as layers
from napari_scsam.gui.layers.class_table import (
    classes_of,
    empty_volume,
    find_labels_layer,
    new_labels,
    same_grid,
    show_classes,
    tables_agree,
)
from napari_scsam.io.saved.saved_array import SavedArray


@pytest.fixture
def image() -> Image:
    return Image(
        np.zeros((4, 6, 8), np.uint8),
        name="cell",
        scale=(5, 7.68, 10.24),
        translate=(100, 20, 3),
        rotate=(0, 0, 30),
        units=("nm",) * 3,
    )


def test_new_labels_lie_exactly_on_the_image(image, classes):
    labels = new_labels(image, classes)
    assert labels.name == "cell organelles"
    assert labels.data.dtype == np.uint8
    assert labels.units == image.units
    for corner in ((0, 0, 0), (3, 5, 7)):
        assert labels.data_to_world(corner) == pytest.approx(image.data_to_world(corner))
    assert same_grid(labels, image)


def test_classes_have_their_colours_and_names(image, classes):
    labels = new_labels(image, classes)
    for spec in classes:
        rgb = tuple(int(spec.colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        assert tuple(labels.get_color(spec.id))[:3] == pytest.approx(rgb, abs=0.01)
    assert labels.get_color(0) is None or labels.get_color(0)[3] == 0
    assert labels.features.set_index("index")["class"][2] == "membrane"
    assert classes_of(labels) == classes


def test_a_class_more_joins_the_table(image, classes):
    labels = new_labels(image, classes[:2])
    show_classes(labels, classes[1:])
    assert classes_of(labels) == classes
    assert classes_of(Labels(np.zeros((2, 2), np.uint8))) is None


def test_large_volumes_are_chunked_and_many_classes_get_wider_numbers(monkeypatch, classes):
    assert isinstance(empty_volume((4, 600, 600), 6), np.ndarray)
    monkeypatch.setattr(layers, "IN_MEMORY", 1000)
    big = empty_volume((4, 600, 600), 300)
    assert isinstance(big, SavedArray)  # zarr alone takes tenths of a second for a stroke
    assert (big.shape, big.dtype, big.chunks) == ((4, 600, 600), np.uint16, (1, 512, 512))


def test_find_labels_takes_only_what_fits(image, classes):
    good = new_labels(image, classes)
    elsewhere = new_labels(Image(np.zeros((4, 6, 8))), classes)
    smaller = new_labels(Image(np.zeros((4, 6, 7)), scale=image.scale), classes)
    other_meaning = new_labels(image, (ClassSpec(1, "nucleus"),))
    users_own = Labels(np.zeros((4, 6, 8), np.uint8), scale=image.scale)
    for wrong in (elsewhere, smaller, other_meaning, users_own, image):
        assert find_labels_layer([wrong], image, classes) is None
    assert find_labels_layer([elsewhere, good], image, classes) is good


def test_class_tables_agree_unless_an_id_changed_its_meaning(classes):
    assert tables_agree(classes[:1], classes)
    assert tables_agree(classes, (ClassSpec(9, "granule"),))
    assert not tables_agree((ClassSpec(1, "nucleus"),), classes)
    assert not tables_agree(None, classes)
