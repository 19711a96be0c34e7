from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QPushButton, QVBoxLayout

from napari_scsam.gui.panels.parts.panel import COLLAPSED, Panel
from napari_scsam.gui.preferences import read_list, write_list


@pytest.fixture
def panel(qtbot) -> Panel:
    return shown(qtbot, "Volume")


def shown(qtbot, title: str) -> Panel:
    panel = Panel(title)
    QVBoxLayout(panel.contents).addWidget(QPushButton("inside"))
    qtbot.addWidget(panel)
    panel.show()
    return panel


def click_title(qtbot, panel: Panel) -> None:
    qtbot.mouseClick(panel.toggleButton(), Qt.MouseButton.LeftButton, pos=QPoint(20, 6))


def test_a_click_on_the_title_folds_and_unfolds(qtbot, panel: Panel) -> None:
    tall = panel.sizeHint().height()
    assert panel.text() == "▾ Volume"
    click_title(qtbot, panel)
    assert (panel.text(), panel.contents.isVisible()) == ("▸ Volume", False)
    assert panel.sizeHint().height() < tall / 2
    click_title(qtbot, panel)
    assert (panel.text(), panel.contents.isVisible()) == ("▾ Volume", True)
    assert panel.sizeHint().height() == tall


def test_a_click_does_not_take_the_space_bar_from_napari(qtbot, panel: Panel) -> None:
    click_title(qtbot, panel)
    assert not panel.toggleButton().hasFocus()


def test_what_was_folded_is_folded_in_the_next_window(qtbot, panel: Panel) -> None:
    other = shown(qtbot, "Model")
    click_title(qtbot, panel)
    click_title(qtbot, other)
    assert not shown(qtbot, "Volume").contents.isVisible()
    click_title(qtbot, panel)
    assert shown(qtbot, "Volume").contents.isVisible()
    assert not shown(qtbot, "Model").contents.isVisible()


def test_what_the_program_unfolds_is_folded_again_in_the_next_window(qtbot) -> None:
    write_list(COLLAPSED, ["Volume"])
    panel = shown(qtbot, "Volume")
    panel.expand()
    assert panel.contents.isVisible()
    assert read_list(COLLAPSED) == ["Volume"]


def test_a_button_that_was_off_stays_off(qtbot, panel: Panel) -> None:
    button = panel.contents.findChild(QPushButton)
    button.setEnabled(False)
    click_title(qtbot, panel)
    click_title(qtbot, panel)
    assert not button.isEnabled()
    button.setEnabled(True)
    assert button.isEnabled()
