from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QModelIndex, Qt

from napari_scsam.gui.panels.objects.table_model import LEFT, RIGHT, STALE_TIP, ObjectTableModel

ROLE = Qt.ItemDataRole
UP = Qt.SortOrder.AscendingOrder
DOWN = Qt.SortOrder.DescendingOrder


@pytest.fixture
def model(qapp):
    model = ObjectTableModel()
    columns = {
        "id": np.array([10, 11, 12, 13]),
        "class": np.array(["ER", "PSD", "ER", "PSD"]),
        "volume_um3": np.array([0.3, np.nan, 0.1, 0.3]),
    }
    model.show_columns(columns, np.ones(4, bool))
    return model


def ids(model) -> list[int]:
    return model.columns["id"][model.rows].tolist()


def sort(model, key: str, order) -> None:
    model.sort(model.keys.index(key), order)


def cell(model, row: int, key: str, role=ROLE.DisplayRole):
    return model.data(model.index(row, model.keys.index(key)), role)


def test_the_model_has_as_many_rows_as_are_shown(model):
    assert (model.rowCount(), model.columnCount()) == (4, 3)
    model.show_rows(np.array([True, False, False, True]))
    assert ids(model) == [10, 13]
    inside = model.index(0, 0)
    assert (model.rowCount(inside), model.columnCount(inside)) == (0, 0)


def test_rows_of_equal_value_keep_their_order_and_unknown_ones_are_last(model):
    sort(model, "volume_um3", UP)
    assert ids(model) == [12, 10, 13, 11]
    sort(model, "volume_um3", DOWN)
    assert ids(model) == [10, 13, 12, 11]


def test_an_order_stays_when_rows_are_filtered(model):
    sort(model, "volume_um3", UP)
    model.show_rows(np.array([True, True, False, True]))
    assert ids(model) == [10, 13, 11]


@pytest.mark.parametrize("column", [-1, 3, 99])
def test_a_column_that_is_not_there_sorts_nothing(model, column):
    model.sort(column, DOWN)
    assert ids(model) == [10, 11, 12, 13]


def test_some_rows_come_first_until_the_user_sorts(model):
    model.show_first(np.array([3, 1]))
    assert ids(model) == [11, 13, 10, 12]
    assert model.places_of(np.array([2, 3])).tolist() == [1, 3]
    sort(model, "id", DOWN)
    assert ids(model) == [13, 12, 11, 10]


def test_rows_that_are_not_shown_have_no_place(model):
    model.show_rows(np.array([False, True, True, False]))
    assert model.places_of(np.array([0, 1, 2])).tolist() == [0, 1]


def test_numbers_are_right_and_words_left(model):
    assert cell(model, 0, "id", ROLE.TextAlignmentRole) == RIGHT
    assert cell(model, 0, "volume_um3", ROLE.TextAlignmentRole) == RIGHT
    assert cell(model, 0, "class", ROLE.TextAlignmentRole) == LEFT


def test_headings_have_units_and_the_key_as_tooltip(model):
    section = model.keys.index("volume_um3")
    across = Qt.Orientation.Horizontal
    assert model.headerData(section, across) == "volume µm³"
    assert model.headerData(section, across, ROLE.ToolTipRole) == "volume_um3"
    assert model.headerData(section, across, ROLE.FontRole) is None
    assert model.headerData(3, across) is None
    assert model.headerData(0, Qt.Orientation.Vertical) is None


def test_objects_that_changed_since_are_in_italics(model):
    assert cell(model, 2, "id", ROLE.FontRole) is None
    changed = []
    model.dataChanged.connect(lambda *_: changed.append(1))
    model.show_stale(np.array([False, False, True, False]))
    assert changed == [1]
    assert cell(model, 2, "id", ROLE.FontRole).italic()
    text = cell(model, 2, "id")
    assert cell(model, 2, "id", ROLE.ToolTipRole) == f"{text}\n{STALE_TIP}"
    assert cell(model, 1, "class", ROLE.ToolTipRole) == cell(model, 1, "class")
    assert cell(model, 1, "id", ROLE.FontRole) is None
    sort(model, "id", DOWN)
    assert cell(model, 1, "id", ROLE.FontRole).italic(), "it is of the object, not of the place"


def test_classes_have_their_colours(model):
    model.show_colours({"ER": "#ff0000"})
    assert cell(model, 0, "class", ROLE.DecorationRole) is not None
    assert cell(model, 1, "class", ROLE.DecorationRole) is None
    assert cell(model, 0, "id", ROLE.DecorationRole) is None


def test_a_cell_that_has_just_gone_is_empty(model):
    last = model.index(3, 2)
    model.show_rows(np.zeros(4, bool))
    assert model.data(last) is None
    assert model.rowCount(QModelIndex()) == 0
    model.show_colours({"ER": "#ff0000"})


def test_other_columns_begin_without_marks(model):
    model.show_first(np.array([3]))
    model.show_stale(np.ones(4, bool))
    model.show_columns({"id": np.array([5, 6])}, np.array([True, True]))
    assert ids(model) == [5, 6]
    assert cell(model, 0, "id", ROLE.FontRole) is None
    assert cell(model, 0, "id") == "5"
