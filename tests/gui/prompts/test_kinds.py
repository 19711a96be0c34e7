from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.gui.prompts.kinds import (
    BOX,
    POINT,
    PROMPT_KINDS,
    SCRIBBLE,
    kind_of_shape,
    sample_along,
)
from napari_scsam.gui.prompts.marks import Marks

LINE = np.array([[0.0, 0.0], [8.0, 0.0], [8.0, 8.0]])


def test_a_point_is_itself():
    assert POINT.marks(np.array([[3.0, 4.0]]), False) == Marks(((3.0, 4.0),), (False,))


def test_a_box_goes_around_its_pixels_on_whichever_side():
    corners = np.array([[10.0, 20.0], [30.0, 20.0], [30.0, 45.0], [10.0, 45.0]])
    for inside in (True, False):
        assert BOX.marks(corners, inside) == Marks(box=(10.5, 20.5, 30.5, 45.5))


def test_a_scribble_is_eight_points_at_equal_distances():
    marks = SCRIBBLE.marks(LINE, True)
    assert marks.inside == (True,) * 8
    np.testing.assert_allclose(
        marks.points, [(1, 0), (3, 0), (5, 0), (7, 0), (8, 1), (8, 3), (8, 5), (8, 7)]
    )
    np.testing.assert_allclose(sample_along(LINE, 2), [(4, 0), (8, 4)])


@pytest.mark.parametrize(
    ("kind", "size", "slip"), [(BOX, 2.9, True), (BOX, 3.0, False), (SCRIBBLE, 0.0, False)]
)
def test_a_box_that_was_not_dragged_is_a_slip(kind, size, slip):
    corners = np.array([[5, 0, 0], [5, 0, size], [5, size, size], [5, size, 0]])
    assert kind.is_slip(corners) == slip
    assert not kind.is_slip(corners) or kind.slip_message


def test_shapes_of_the_user_s_own_count_as_boxes():
    assert [kind_of_shape(name) for name in ("path", "rectangle", "ellipse")] == [
        SCRIBBLE,
        BOX,
        BOX,
    ]
    assert list(PROMPT_KINDS) == ["point", "box", "scribble"]
