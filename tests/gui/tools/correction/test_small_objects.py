"""Deleting small objects: what is asked of the work, and what is written."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Labels

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.layers.class_table import class_table
from napari_scsam.gui.layers.locks import lock
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.pointing import LayerPlane
from napari_scsam.gui.tools.correction.small_objects import start_deleting_small
from napari_scsam.gui.tools.tool_settings import ToolSettings
from napari_scsam.steps import drive

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "vesicle"))


class Work:
    """Does the work at once, and remembers what would be written."""

    def __init__(self) -> None:
        self.written: list[tuple[str, int]] = []

    def start(self, target, steps, done, *, whole=False, **_) -> None:
        self.whole = whole
        done(drive(steps(target.place(None, whole=whole))))

    def write(self, _target, did, edit) -> None:
        self.written.append((did, edit.size))


@pytest.fixture
def one():
    """Three objects on the slice shown, of 4, 9 and 16 pixels, and one of 4 on another."""
    data = np.zeros((2, 12, 20), np.uint8)
    data[0, 1:3, 1:3] = 1
    data[0, 1:4, 6:9] = 1
    data[0, 6:10, 6:10] = 2
    data[1, 1:3, 15:17] = 1

    def make(*, selected: int = 1, **options):
        layer = Labels(data.copy(), **options)
        layer.selected_label = selected
        return SimpleNamespace(
            work=Work(), settings=ToolSettings(), target=LayerPlane(layer, Plane(0, 0))
        )

    return make


def run(one) -> list[tuple[str, int]]:
    start_deleting_small(one.work, one.settings, one.target)
    return one.work.written


def test_only_smaller_objects_of_the_selected_class_are_deleted(one) -> None:
    case = one(**class_table(CLASSES))
    case.settings.smallest = 9
    assert run(case) == [("Deleted 1 small object", 4)]
    assert not case.work.whole


def test_all_slices_are_worked_on_when_that_is_chosen(one) -> None:
    case = one(**class_table(CLASSES))
    case.settings.smallest = 10
    case.settings.whole = True
    assert run(case) == [("Deleted 3 small objects", 17)]
    assert case.work.whole


def test_that_nothing_is_small_is_told_with_the_size(one) -> None:
    case = one(**class_table(CLASSES))
    case.settings.smallest = 4
    with pytest.raises(UserError, match="no object here is smaller than 4"):
        run(case)


def test_a_class_must_be_selected(one) -> None:
    with pytest.raises(UserError, match="the selected label is the background"):
        run(one(selected=0, **class_table(CLASSES)))


def test_a_locked_class_stays(one) -> None:
    case = one(**class_table(CLASSES))
    lock(case.target.layer, 1, locked=True)
    with pytest.raises(UserError, match="locked"):
        run(case)


def test_sizes_in_micrometres_need_a_pixel_size(one) -> None:
    case = one(**class_table(CLASSES))
    case.settings.in_micrometres = True
    with pytest.raises(UserError, match="enter the smallest size in pixels"):
        run(case)
    assert case.work.written == []
