"""The layer that shows what is reviewed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_scsam.gui.layers.outlines import find_outlines, outlines_layer


@pytest.fixture
def project() -> SimpleNamespace:
    reviewed = np.zeros((2, 6, 8), np.uint8)
    reviewed[1, 1:5, 2:7] = 1
    return SimpleNamespace(reviewed=reviewed)


@pytest.fixture
def image() -> Image:
    return Image(np.zeros((2, 6, 8), np.uint8), scale=(4, 2, 2), translate=(1, 0, 3))


def test_only_the_outline_of_a_reviewed_part_is_shown(project, image):
    layer = outlines_layer(image, project)
    shown = np.asarray(layer.data[1])
    expected = project.reviewed[1].copy()
    expected[2:4, 3:6] = 0
    np.testing.assert_array_equal(shown > 0, expected > 0)
    assert not np.asarray(layer.data[0]).any()


def test_the_layer_is_where_the_image_is_and_cannot_be_painted(project, image):
    layer = outlines_layer(image, project)
    np.testing.assert_allclose(layer.scale, image.scale)
    np.testing.assert_allclose(layer.translate, image.translate)
    assert not layer.editable


def test_the_layer_of_a_project_is_found_again(project, image):
    viewer = ViewerModel()
    assert find_outlines(viewer, project) is None
    layer = viewer.add_layer(outlines_layer(image, project))
    assert find_outlines(viewer, project) is layer
    other = SimpleNamespace(reviewed=project.reviewed.copy())
    assert find_outlines(viewer, other) is None
