from __future__ import annotations

import pytest
from qtpy.QtGui import QColor

from napari_scsam.gui.panels.parts.widgets import SWATCH, Dropdown, swatch

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


def test_swatch_shows_its_colours_side_by_side(qapp):
    picture = swatch("#ff0000", "#0000ff").pixmap(SWATCH, SWATCH).toImage()
    assert picture.pixelColor(1, 5) == QColor("#ff0000")
    assert picture.pixelColor(SWATCH - 2, 5) == QColor("#0000ff")
