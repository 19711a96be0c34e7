from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_scsam.gui.panels.objects.table_model import ObjectTableModel
from napari_scsam.gui.panels.objects.table_view import ObjectTableView

COUNT = 1000
ALL = np.ones(COUNT, bool)


@pytest.fixture
def asked(monkeypatch):
    """Grows each time the model is asked how many rows it has."""
    calls = []
    count = ObjectTableModel.rowCount

    def counted(model, *parent):
        calls.append(1)
        return count(model, *parent)

    monkeypatch.setattr(ObjectTableModel, "rowCount", counted)
    return calls


@pytest.fixture
def table(qtbot, asked):
    """A table of a thousand objects, and what it tells."""
    made = ObjectTableView()
    qtbot.addWidget(made)
    names = np.array(["vesicle", "mitochondrion"])
    made.objects.show_columns(
        {
            "id": np.arange(1, COUNT + 1),
            "class": names[np.arange(COUNT) % 2],
            "sphericity": np.where(np.arange(COUNT) == 3, np.nan, np.arange(COUNT)[::-1] / COUNT),
            "touches_border": np.arange(COUNT) % 4 == 0,
        },
        ALL,
    )
    made.resize(400, 300)
    made.show()
    made.told = []
    made.picked.connect(lambda rows: made.told.append(rows.tolist()))
    return made


def cell(table, row: int, key: str):
    return table.objects.index(row, table.objects.keys.index(key)).data()


def test_cells_say_what_the_columns_hold(table):
    assert table.objects.keys == ["class", "id", "touches_border", "sphericity"]
    assert cell(table, 1, "class") == "mitochondrion"
    assert cell(table, 0, "touches_border") == "yes"
    assert cell(table, 3, "sphericity") == "", "unknown"
    assert cell(table, 999, "id") == "1\u2009000"


def test_sorting_puts_unknown_values_last_both_ways(table):
    column = table.objects.keys.index("sphericity")
    table.sortByColumn(column, Qt.SortOrder.AscendingOrder)
    assert table.objects.rows[[0, -1]].tolist() == [999, 3]
    table.sortByColumn(column, Qt.SortOrder.DescendingOrder)
    assert table.objects.rows[[0, -1]].tolist() == [0, 3]


def test_the_selection_stays_with_its_objects_when_rows_move(table):
    table.show_selected(np.array([10, 11, 500]))
    table.sortByColumn(table.objects.keys.index("class"), Qt.SortOrder.AscendingOrder)
    assert sorted(table.selected().tolist()) == [10, 11, 500]
    table.objects.show_rows(np.arange(COUNT) < 100)
    assert sorted(table.selected().tolist()) == [10, 11]
    assert table.told == [], "nobody picked anything"


def test_what_the_program_selects_is_scrolled_to(table):
    table.show_selected(np.array([700]))
    place = table.visualRect(table.objects.index(700, 0))
    assert table.viewport().rect().contains(place.center())


def test_many_rows_that_are_apart_are_shown_first(table):
    table.show_selected(np.arange(0, COUNT, 2))
    assert table.objects.rows[:500].tolist() == list(range(0, COUNT, 2))
    assert len(table.selected()) == 500


def test_a_large_selection_is_drawn_without_looking_at_each_row(table, asked, qtbot):
    qtbot.waitExposed(table)
    asked.clear()
    table.show_selected(np.arange(0, COUNT, 2))
    table.grab()
    assert len(asked) < COUNT / 4


def test_keys_and_clicks_tell_of_rows_of_the_columns(table):
    table.sortByColumn(table.objects.keys.index("sphericity"), Qt.SortOrder.AscendingOrder)
    visited = []
    table.visited.connect(visited.append)
    where = table.visualRect(table.objects.index(0, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    QTest.keyClick(table, Qt.Key.Key_Down)
    assert visited == [999, 998]
    assert table.told == [[999], [998]]
    QTest.keyClick(table, Qt.Key.Key_Up)
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert visited[-2:] == [999, 999], "a click goes there again"


def test_stale_rows_are_in_italics(table):
    table.objects.show_stale(np.arange(COUNT) == 2)
    font = table.objects.index(2, 0).data(Qt.ItemDataRole.FontRole)
    assert font.italic()
    assert table.objects.index(1, 0).data(Qt.ItemDataRole.FontRole) is None


def test_no_columns_are_an_empty_table(table):
    table.objects.show_columns({}, np.zeros(0, bool))
    assert table.objects.rowCount() == 0
    table.show_selected(np.zeros(0, np.intp))
    assert table.selected().size == 0
