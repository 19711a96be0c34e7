from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.gui.panels.parts.class_counts import ROWS, ClassCountsTable, is_reviewed_for
from napari_scsam.project.review import review_slice


@pytest.fixture
def table(qtbot):
    table = ClassCountsTable()
    qtbot.addWidget(table)
    return table


def cells(table, row: int) -> list[str]:
    return [table.item(row, column).text() for column in range(table.columnCount())]


def reviewed(labels, mask, meanings=None):
    return review_slice(np.array([labels]), np.array([mask]), meanings)


def test_a_row_has_pixels_here_reviewed_pixels_and_slices(table, classes):
    slices = {
        3: reviewed([1, 1, 1, 2, 0], [1, 1, 0, 0, 0]),
        5: reviewed([1, 2, 2, 2, 2], [1, 1, 1, 0, 1]),
    }
    table.show_counts(classes, slices, slices[3])
    assert cells(table, 0) == ["mitochondrion", "3", "3", "2"]
    assert cells(table, 1) == ["membrane", "1", "3", "1"]
    assert cells(table, 2) == ["vesicle", "–", "–", "–"]


def test_large_numbers_are_grouped(table, classes):
    review = reviewed([1] * 12_345, [1] * 12_345)
    table.show_counts(classes[:1], {0: review}, None)
    assert cells(table, 0)[1:] == ["–", "12\u2009345", "1"]


def test_tooltips_tell_for_how_many_slices_a_class_was_reviewed(table, classes):
    meanings = {2: (2,)}
    slices = {
        0: reviewed([0, 0], [1, 1], meanings),
        1: reviewed([0, 2], [2, 2], meanings),
    }
    table.show_counts(classes, slices, None, meanings)
    assert table.item(0, 0).toolTip().endswith("slices reviewed for it: 1")
    assert table.item(1, 0).toolTip().endswith("slices reviewed for it: 2")


def test_the_table_is_as_high_as_its_rows_up_to_a_few(table, classes):
    table.show_counts(classes[:1], {}, None)
    one = table.height()
    table.show_counts(classes, {}, None)
    assert table.height() == one + 2 * table.rowHeight(0)
    table.show_counts(classes * 5, {}, None)
    assert table.height() == one + (ROWS - 1) * table.rowHeight(0)


@pytest.mark.parametrize(
    ("numbers", "meanings", "expected"),
    [
        ([1], {}, True),
        ([], {}, False),
        ([2], {2: (7,)}, True),
        ([2], {2: (8,)}, False),
        ([2, 1], {2: (8,)}, True),
        ([2, 3], {2: (8,), 3: (7, 8)}, True),
    ],
)
def test_a_value_of_the_mask_stands_for_some_classes_or_for_all(numbers, meanings, expected):
    review = reviewed([0] * len(numbers) or [0], numbers or [0], meanings)
    assert is_reviewed_for(review, 7, meanings) is expected
