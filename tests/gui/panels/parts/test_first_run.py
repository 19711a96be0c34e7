from __future__ import annotations

import pytest
from qtpy.QtWidgets import QWidget

from napari_scsam.gui.panels.parts.first_run import FirstRunCard

pytestmark = pytest.mark.gui


def test_the_card_is_shown_once(qtbot):
    first = FirstRunCard()
    qtbot.addWidget(first)
    first.show()
    assert first.isVisible()
    first.close_button.click()
    assert not first.isVisible()
    window = QWidget()
    qtbot.addWidget(window)
    second = FirstRunCard()
    second.setParent(window)
    window.show()
    assert not second.isVisible()
