"""The page Objects in a real window, with mouse and keys."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from listed import CTRL, MITO, SHIFT, VESICLE, click_row, click_voxel, press, shown_ids
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_scsam.gui.layers.instance_layer import SelectedView
from napari_scsam.gui.layers.plane import camera_of

pytestmark = pytest.mark.gui


def selected(one) -> list[int]:
    return one.desk.selecting.labels.tolist()


def test_rows_and_the_picture_are_linked_both_ways(listed, wait):
    click_row(listed, shown_ids(listed).index(5))
    assert selected(listed) == [5]
    assert round(listed.viewer.dims.point[0] / 20) == 3
    np.testing.assert_allclose(camera_of(listed.viewer).center[-2:], (2 * 8, 102 * 8))
    outline = next(x for x in listed.viewer.layers if isinstance(x.data, SelectedView))
    assert outline.data[3][0, 100] == 5
    assert outline.data[3][2, 102] == 0, "only its outline"
    assert not outline.data[2].any()
    # And back
    listed.viewer.dims.set_point(0, 2 * 20)
    listed.viewer.reset_view()
    center = camera_of(listed.viewer).center
    click_voxel(listed, 55, 30)
    wait(lambda: selected(listed) == [2])
    assert listed.store.labels[listed.page.table.selected()].tolist() == [2]
    click_voxel(listed, 72, 82, CTRL)
    wait(lambda: selected(listed) == [2, 4])
    assert camera_of(listed.viewer).center == center, "a click does not move the picture"
    click_voxel(listed, 90, 5)
    wait(lambda: selected(listed) == [])
    listed.widget.tabs.show_page("Segment")
    click_voxel(listed, 55, 30)
    assert selected(listed) == [], "on another page, a click is not for the table"


def test_keys_delete_undo_and_walk_and_rows_follow(listed, wait):
    before = listed.store.layer.data.copy()
    click_row(listed, 3)
    click_row(listed, 4, CTRL)
    QTest.keyClick(listed.page.table, Qt.Key.Key_Delete)
    wait(lambda: len(shown_ids(listed)) == 3)
    press(listed, Qt.Key.Key_Z, CTRL)
    wait(lambda: len(shown_ids(listed)) == 5)
    np.testing.assert_array_equal(listed.store.layer.data, before)
    press(listed, Qt.Key.Key_Z, CTRL | SHIFT)
    wait(lambda: len(shown_ids(listed)) == 3)
    column = listed.page.table.objects.keys.index("voxels")
    listed.page.table.sortByColumn(column, Qt.SortOrder.DescendingOrder)
    press(listed, Qt.Key.Key_U, SHIFT)
    assert selected(listed) == [2]
    press(listed, Qt.Key.Key_Y, SHIFT)
    assert selected(listed) == [1]
    listed.page.filters.reviewed.picked.emit(True)
    assert shown_ids(listed) == [2]
    listed.store.layer.data_setitem((np.full(9, 0), np.full(9, 55), np.arange(20, 29)), 2)
    cell = listed.page.table.objects.index(0, 1)
    assert cell.data(Qt.ItemDataRole.FontRole).italic(), "its numbers are no longer true"
    wait(lambda: not listed.store.stale)
    assert listed.page.table.objects.index(0, 1).data(Qt.ItemDataRole.FontRole) is None


def test_filters_plots_and_tables(listed, wait, tmp_path):
    page = listed.page
    page.filters.classes.picked.emit(VESICLE.name)
    page.filters.border.picked.emit(False)
    assert shown_ids(listed) == [3, 4]
    QTest.keyClicks(page.filters.smallest, "0.00004")
    assert shown_ids(listed) == [3]
    assert page.filters.count.text() == "1 of 5 objects"
    page.filters.classes.picked.emit("")
    page.filters.border.picked.emit(None)
    page.filters.smallest.clear()
    column = page.table.objects.keys.index("voxels")
    page.table.sortByColumn(column, Qt.SortOrder.DescendingOrder)
    assert shown_ids(listed) == [2, 1, 3, 4, 5]
    page.plot.click()
    wait(lambda: page.plots.area is not None and page.plots.area.isVisible())
    page.plots.across.show_choice("voxels")
    page.plots.across.picked.emit("voxels")
    page.plots.area.dragged.emit((20, 40), (0, 1))
    assert selected(listed) == [3, 4, 5]
    assert sorted(page.table.selected().tolist()) == [2, 3, 4]
    QTest.keyClick(page.table, Qt.Key.Key_C, CTRL)
    lines = QApplication.clipboard().text().split("\n")
    assert lines[0].split("\t")[:2] == ["class", "id"]
    assert [line.split("\t")[1] for line in lines[1:]] == ["3", "4", "5"]
    click_row(listed, 0)
    path = tmp_path / "objects.csv"
    page.export_asked.emit(str(path))
    wait(path.exists)
    listed.finish()
    with path.open(newline="", encoding="utf-8") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["2", "1", "3", "4", "5"]
    actions = {action.text() for action in page.relabel.menu().actions()}
    assert actions == {MITO.name, VESICLE.name}, "a part is no class of objects"
