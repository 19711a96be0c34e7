from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton, QVBoxLayout

from napari_scsam.gui.panels.parts.setup_line import SetupLine, SetupLines

pytestmark = pytest.mark.gui


@pytest.fixture
def lines(qtbot) -> tuple[SetupLine, SetupLine, SetupLines]:
    made = [SetupLine("Volume"), SetupLine("Project")]
    for line in made:
        QVBoxLayout(line.contents).addWidget(QPushButton("inside"))
    both = SetupLines(*made)
    qtbot.addWidget(both)
    both.show()
    both.ask_in_order(*made)
    return (*made, both)


def opened(*lines: SetupLine) -> tuple[bool, ...]:
    return tuple(line.contents.isVisible() for line in lines)


def test_the_first_line_that_is_not_set_is_open(lines):
    volume, project, both = lines
    assert opened(volume, project) == (True, False)
    volume.show_set("cell: 8 × 8 × 8 nm", is_set=True)
    assert opened(volume, project) == (False, True)
    assert volume.summary.text() == "cell: 8 × 8 × 8 nm"
    project.show_set("mine", is_set=True)
    assert opened(volume, project) == (False, False)
    both.ask_in_order(project, volume)
    assert opened(volume, project) == (False, False)
    volume.show_set("nothing", is_set=False)
    assert opened(volume, project) == (True, False)


def test_a_click_on_a_line_opens_it_and_closes_the_other(lines):
    volume, project, _ = lines
    QTest.mouseClick(project.summary, Qt.MouseButton.LeftButton)
    assert opened(volume, project) == (False, True)
    QTest.mouseClick(volume.toggleButton(), Qt.MouseButton.LeftButton)
    assert opened(volume, project) == (True, False)
    volume.show_set("no size yet", is_set=False)
    assert opened(volume, project) == (True, False), "nothing was set or lost"
    QTest.mouseClick(volume.summary, Qt.MouseButton.LeftButton)
    assert opened(volume, project) == (False, False)
