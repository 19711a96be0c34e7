from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY
from napari_scsam.gui.layers.drawing_layers import (
    EDGE_PIXELS,
    POINT_PIXELS,
    being_drawn,
    points_layer,
    preview_layer,
    remove_slip,
    strokes_layer,
)
from napari_scsam.gui.prompts.kinds import BOX, MIN_DRAG


@pytest.fixture
def image() -> Image:
    return Image(
        np.zeros((4, 20, 30), np.uint8),
        scale=(40, 8, 16),
        translate=(100, -50, 30),
        units=("nm",) * 3,
    )


def make_all(image):
    return preview_layer(image), strokes_layer(image, 0.5), points_layer(image, 0.5)


def test_coordinates_are_pixels_of_the_image_and_nothing_is_kept(image):
    for layer in make_all(image):
        assert layer.ndim == 3
        np.testing.assert_allclose(
            layer.data_to_world((1, 2, 3)), (100 + 40, -50 + 2 * 8, 30 + 3 * 16)
        )
        assert layer.units == image.units
        assert layer.metadata[NOT_KEPT_KEY]


def test_marks_have_their_size_on_the_screen(image):
    _, strokes, points = make_all(image)
    assert points.current_size == POINT_PIXELS * 0.5
    assert strokes.current_edge_width == EDGE_PIXELS * 0.5


def test_the_preview_cannot_be_painted_on(image):
    preview = preview_layer(image)
    assert not preview.editable
    assert not preview.data.any()
    background, found = preview.colormap.map(np.array([0, 1], np.uint8))
    assert background[3] == 0
    assert found[3] == 1


def box(height: float, width: float) -> np.ndarray:
    return np.array([(1, 5, 5), (1, 5, 5 + width), (1, 5 + height, 5 + width), (1, 5 + height, 5)])


@pytest.mark.parametrize(
    ("height", "width", "slip"),
    [(0, 0, True), (MIN_DRAG - 0.1, MIN_DRAG - 0.1, True), (0.1, MIN_DRAG, False)],
)
def test_a_box_that_was_clicked_is_removed(image, height, width, slip):
    strokes = strokes_layer(image, 1)
    strokes.add(box(9, 9), shape_type="rectangle")
    strokes.add(box(height, width), shape_type="rectangle")
    assert remove_slip(strokes) is (BOX if slip else None)
    assert len(strokes.data) == (1 if slip else 2)
    np.testing.assert_array_equal(strokes.data[0], box(9, 9))


def test_only_the_shape_drawn_last_may_be_a_slip(image):
    strokes = strokes_layer(image, 1)
    assert remove_slip(strokes) is None
    strokes.add(box(0, 0), shape_type="rectangle")
    strokes.add(box(9, 9), shape_type="rectangle")
    assert remove_slip(strokes) is None
    assert len(strokes.data) == 2


def test_short_scribbles_and_other_shapes_stay(image):
    strokes = strokes_layer(image, 1)
    strokes.add(np.array([(1, 5, 5), (1, 5, 5.5)]), shape_type="path")
    assert remove_slip(strokes) is None
    strokes.add(box(1, 1), shape_type="ellipse")
    assert remove_slip(strokes) is None
    assert len(strokes.data) == 2


def test_whether_a_shape_is_being_drawn_is_read_from_napari(image):
    strokes = strokes_layer(image, 1)
    assert not being_drawn(strokes)
    strokes._is_creating = True
    assert being_drawn(strokes)
