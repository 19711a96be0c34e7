from __future__ import annotations

import pytest

from napari_scsam.gui.prompts.marks import Marks

ONE = Marks(((1.0, 2.0),), (True,))
OTHER = Marks(((3.0, 4.0),), (False,))
BOX = Marks(box=(0.5, 0.5, 4.5, 4.5))


def test_marks_add_up_and_the_last_box_counts():
    assert Marks(((1.0, 2.0), (3.0, 4.0)), (True, False)) == ONE + OTHER
    later = Marks(box=(1.5, 1.5, 2.5, 2.5))
    assert (BOX + ONE).box == BOX.box
    assert (BOX + later).box == later.box


@pytest.mark.parametrize(
    ("marks", "asks"), [(Marks(), False), (OTHER, False), (ONE, True), (OTHER + BOX, True)]
)
def test_an_object_is_asked_for_by_what_is_inside(marks, asks):
    assert marks.asks_for_object == asks


def test_what_is_beside_the_plane_is_left_out():
    stray = Marks(((1.0, 50.0), (-1.0, 2.0), (19.4, 2.0)), (True, True, False))
    assert (ONE + stray).within(rows=40, columns=20) == ONE + Marks(((19.4, 2.0),), (False,))
    assert (BOX + ONE).within(40, 20) == BOX + ONE
    for box in ((20.5, 0, 30, 9), (0, 40.5, 9, 60), (-9, 0, -1, 9), (0, -9, 9, -1)):
        assert Marks(box=box).within(40, 20) == Marks()


def test_only_more_points_extend_earlier_ones():
    assert (ONE + OTHER).extends(ONE)
    assert not ONE.extends(ONE)
    assert not ONE.extends(ONE + OTHER)
    assert not (OTHER + ONE).extends(ONE)
    assert not (ONE + OTHER + BOX).extends(ONE)
    assert not (ONE + OTHER).extends(ONE + BOX)
    assert not Marks(ONE.points + OTHER.points, (False, False)).extends(ONE)
