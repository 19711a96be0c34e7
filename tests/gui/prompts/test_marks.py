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


def test_only_more_points_extend_earlier_ones():
    assert (ONE + OTHER).extends(ONE)
    assert not ONE.extends(ONE)
    assert not ONE.extends(ONE + OTHER)
    assert not (OTHER + ONE).extends(ONE)
    assert not (ONE + OTHER + BOX).extends(ONE)
    assert not (ONE + OTHER).extends(ONE + BOX)
    assert not Marks(ONE.points + OTHER.points, (False, False)).extends(ONE)
