from __future__ import annotations

import pytest

from napari_scsam.gui.panels.objects.filters import ANY, LARGEST, FilterBar


@pytest.fixture
def bar(qtbot):
    bar = FilterBar()
    qtbot.addWidget(bar)
    bar.sizes = []
    bar.sizes_chosen.connect(lambda low, high: bar.sizes.append((low, high)))
    return bar


def test_sizes_are_limited_on_both_sides_or_on_one(bar):
    bar.smallest.setText("0.5")
    bar.largest.setText("2e3")
    bar.smallest.clear()
    assert bar.sizes == [(0.5, LARGEST), (0.5, 2000.0), (0.0, 2000.0)]


def test_what_is_no_number_limits_nothing(bar):
    bar.smallest.setText("-")
    bar.largest.setText("1e")
    assert bar.sizes == []


def test_another_unit_forgets_the_sizes(bar):
    bar.smallest.setText("3")
    bar.show_unit("voxels")
    assert bar.smallest.text() == "3"
    bar.show_unit("µm³")
    assert bar.smallest.text() == ""
    assert bar.unit.text() == "µm³"
    assert bar.sizes[-1] == (0.0, LARGEST)


@pytest.mark.parametrize(
    ("shown", "of", "selected", "text"),
    [
        (0, 0, 0, "0 objects"),
        (1, 1, 0, "1 object"),
        (12_345, 12_345, 1, "12\u2009345 objects"),
        (3, 10, 0, "3 of 10 objects"),
        (3, 10, 2, "2 selected, 3 of 10 objects"),
        (10, 10, 10, "10 selected, 10 objects"),
    ],
)
def test_objects_are_counted(bar, shown, of, selected, text):
    bar.show_count(shown, of, selected)
    assert bar.count.text() == text


def test_all_classes_or_one_are_offered(bar, classes):
    chosen = []
    bar.class_chosen.connect(chosen.append)
    bar.show_classes(classes, "vesicle")
    assert bar.classes.count() == 4
    assert bar.classes.currentText() == "vesicle"
    bar.show_classes(classes, ANY)
    assert bar.classes.currentText() == "all classes"
    assert chosen == [], "showing a choice is not choosing"


def test_borders_and_reviews_are_of_any_kind_at_first(bar):
    assert bar.border.currentText() == "anywhere"
    assert bar.reviewed.currentText() == "any state"
    assert [bar.border.itemText(row) for row in range(3)] == ["anywhere", "inside", "at border"]
    assert [bar.reviewed.itemText(row) for row in range(3)] == [
        "any state",
        "to review",
        "reviewed",
    ]
