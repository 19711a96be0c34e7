from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.gui.layers.drawn_marks import DrawnMarks, KeptMarks, on_plane, xy_on_plane
from napari_scsam.gui.layers.plane import Plane

HERE = Plane(0, 5)
MARKS = DrawnMarks(
    np.array([[5, 1, 2], [5.4, 3, 4], [6, 5, 6]]),
    ("inside", "outside", "inside"),
    (
        ("path", np.array([[5, 8, 0], [5, 8, 4]]), "inside"),
        ("rectangle", np.array([[5, 2, 2], [5, 2, 9], [5, 9, 9], [5, 9, 2]]), "inside"),
        ("path", np.array([[5, 0, 0], [6, 0, 4]]), "inside"),
    ),
)


def test_only_the_marks_of_a_plane_are_read():
    marks = MARKS.read(HERE)
    assert marks.points[:2] == ((2.0, 1.0), (4.0, 3.0))
    assert marks.inside == (True, False) + (True,) * 8
    assert marks.box == (2.5, 2.5, 9.5, 9.5)
    assert MARKS.read(Plane(0, 7)).points == ()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_planes_along_every_axis(axis):
    vertices = np.insert([[3.0, 7.0], [4.0, 8.0]], axis, [2, 9], axis=1)
    assert on_plane(vertices, Plane(axis, 2)).tolist() == [True, False]
    np.testing.assert_array_equal(xy_on_plane(vertices, Plane(axis, 2)), [[7, 3], [8, 4]])


def test_all_of_a_flat_image_is_on_its_plane():
    assert on_plane(np.zeros((3, 2)), Plane()).all()


def test_kept_marks_are_taken_once_and_forgotten_plane_by_plane():
    kept = KeptMarks()
    kept.keep("a", MARKS)
    assert kept.take("b") is None
    assert kept.take("a") is MARKS
    assert kept.take("a") is None
    kept.keep("a", MARKS)
    kept.forget("a", HERE)
    left = kept.take("a")
    assert left.points.tolist() == [[6, 5, 6]]
    assert len(left.shapes) == 1, "one that is on two planes"
    kept.keep("a", DrawnMarks(MARKS.points[:1], ("inside",), ()))
    kept.forget("a", HERE)
    assert kept.take("a") is None
