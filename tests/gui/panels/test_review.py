from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_scsam.gui.panels.parts.slice_strip import SliceStrip
from napari_scsam.gui.panels.review import ReviewPanel
from napari_scsam.project.review import SliceReview

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot) -> ReviewPanel:
    panel = ReviewPanel("Shift+R", "Alt+N")
    qtbot.addWidget(panel)
    return panel


def row(panel: ReviewPanel, number: int) -> list[str]:
    return [panel.table.item(number, column).text() for column in range(4)]


def test_counts_by_slice_and_class(panel, classes):
    slices = {
        2: SliceReview(size=100, reviewed=100, found={1: 30, 2: 5}, kept={1: 30, 2: 5}),
        3: SliceReview(size=100, reviewed=40, found={1: 12_000}, kept={1: 8}),
        5: SliceReview(size=100, reviewed=0, found={3: 7}, kept={}),
    }
    panel.show_progress(9, 3, slices, classes, there=True)
    assert row(panel, 0) == ["mitochondrion", "12\u2009000", "38", "2"]
    assert row(panel, 2) == ["vesicle", "–", "–", "–"]
    assert panel.note.text() == "1 of 9 slices reviewed, 1 in part."
    assert panel.mark.text().startswith("Mark slice as reviewed")
    panel.show_progress(9, 2, slices, classes, there=True)
    assert panel.mark.text().startswith("Unmark slice")


def test_without_a_project_it_says_what_to_do(panel, classes):
    panel.show_progress(1, -1, {}, (), there=False)
    assert not panel.mark.isEnabled()
    assert not panel.rectangle.isEnabled()
    assert "project first" in panel.note.text()


def test_a_click_on_the_strip_goes_to_the_slice_under_it(qtbot):
    strip, picked = SliceStrip(), []
    qtbot.addWidget(strip)
    strip.picked.connect(picked.append)
    strip.resize(200, 14)
    strip.show_slices(50, 3, {3: 1.0})
    for x in (0, 101, 199):
        QTest.mouseClick(
            strip, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(x, 5)
        )
    assert picked == [0, 25, 49]
    picture = strip.grab().toImage()
    colours = [picture.pixelColor(x, 10).getRgb()[:3] for x in (14, 100)]
    assert colours[0] != colours[1], "a reviewed slice stands out"


def test_whole_rows_are_shown_in_any_size_of_letters(panel, classes, qtbot):
    panel.show_progress(
        9, 2, {2: SliceReview(size=100, reviewed=0, found={1: 7}, kept={})}, classes, there=True
    )
    panel.show()

    def needed() -> int:
        return sum(panel.table.rowHeight(row) for row in range(len(classes)))

    before = needed()
    panel.setStyleSheet("* { font-size: 24pt; }")
    qtbot.waitUntil(lambda: needed() > before)
    qtbot.waitUntil(lambda: panel.table.viewport().height() >= needed())
