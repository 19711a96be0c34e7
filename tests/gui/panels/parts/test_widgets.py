from __future__ import annotations

import html

import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QColor, QHelpEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QToolTip

from napari_scsam.gui.panels.parts.widgets import (
    SWATCH,
    Dropdown,
    button,
    click_once,
    swatch,
)

pytestmark = pytest.mark.gui


def test_dropdown_holds_python_objects(qtbot):
    box = Dropdown("what for")
    qtbot.addWidget(box)
    picked = []
    box.picked.connect(picked.append)
    one, two = (1, "one"), (2, "two")
    box.add(one, "One", "the first")
    box.add(two, "Two")
    assert box.show_choice((2, "two"))
    assert box.currentText() == "Two"
    assert picked == []
    box.setCurrentIndex(0)
    box.activated.emit(0)
    assert picked == [one]
    assert not box.show_choice("something else")
    assert box.currentIndex() == -1
    box.empty()
    assert box.count() == 0


def test_a_name_that_is_cut_short_is_in_the_tooltip_and_in_full_in_the_list(qtbot):
    box = Dropdown("What is plotted.")
    qtbot.addWidget(box)
    long = "distance to the nearest <mitochondrial> boundary µm"
    for name in (long, "id"):
        box.add(name, name)
    box.resize(80, box.sizeHint().height())
    box.show()
    box.show_choice("id")
    assert not box.is_cut()
    box.show_choice(long)
    assert box.is_cut()
    place = box.rect().center()
    help_asked = QHelpEvent(QEvent.Type.ToolTip, place, box.mapToGlobal(place))
    QApplication.sendEvent(box, help_asked)
    assert html.escape(long) in QToolTip.text()
    assert "What is plotted." in QToolTip.text()
    QToolTip.hideText()
    box.showPopup()
    assert box.view().width() >= box.view().sizeHintForColumn(0)
    box.hidePopup()
    tip = box.itemData(0, Qt.ItemDataRole.ToolTipRole)
    assert html.escape(long) in tip


def test_a_double_click_on_what_toggles_is_one_click(qtbot):
    clicked = []
    made = button("Mark", "", lambda: clicked.append(1))
    qtbot.addWidget(made)
    click_once(made)
    for _ in range(2):
        QTest.mouseClick(made, Qt.MouseButton.LeftButton)
        QTest.mouseDClick(made, Qt.MouseButton.LeftButton)
    assert len(clicked) == 2


def test_swatch_shows_its_colours_side_by_side(qapp):
    picture = swatch("#ff0000", "#0000ff").pixmap(SWATCH, SWATCH).toImage()
    assert picture.pixelColor(1, 5) == QColor("#ff0000")
    assert picture.pixelColor(SWATCH - 2, 5) == QColor("#0000ff")
