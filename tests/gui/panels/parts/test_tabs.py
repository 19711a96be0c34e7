from __future__ import annotations

import pytest
from qtpy.QtWidgets import QLabel, QPushButton

from napari_scsam.gui.panels.parts.tabs import Tabs

pytestmark = pytest.mark.gui


@pytest.fixture
def tabs(qtbot) -> Tabs:
    made = Tabs()
    made.add("Low", [QLabel("one")], "a low one")
    made.add("High", [QPushButton(str(n)) for n in range(30)], "a high one")
    qtbot.addWidget(made)
    made.resize(300, 300)
    made.show()
    return made


def test_only_a_page_that_does_not_fit_is_scrolled(tabs, wait):
    assert tabs.shown() == "Low"
    assert tabs.pages["Low"].verticalScrollBar().maximum() == 0
    tabs.show_page("High")
    wait(lambda: tabs.pages["High"].verticalScrollBar().maximum() > 0)
    assert tabs.minimumSizeHint().height() < 200


def test_the_page_of_a_widget_is_shown(tabs):
    tabs.show_page_of(tabs.pages["High"].widget().findChild(QPushButton))
    assert tabs.shown() == "High"
    assert tabs.tabToolTip(1) == "a high one"


def test_a_page_that_needs_more_width_asks_for_it(tabs, qtbot):
    before = tabs.minimumSizeHint().width()
    label = tabs.pages["Low"].widget().findChild(QLabel)
    with qtbot.waitSignal(tabs.resized):
        label.setText("a very long word " * 10)
    assert tabs.minimumSizeHint().width() > before
