from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout

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


def test_a_note_that_grows_is_shown_whole(qtbot):
    line = SetupLine("Volume")
    label = QLabel("short")
    label.setWordWrap(True)
    QVBoxLayout(line.contents).addWidget(label)
    both = SetupLines(line)
    qtbot.addWidget(both)
    both.resize(300, 400)
    both.show()
    both.ask_in_order(line)
    label.setText("a note that needs more than one line " * 6)
    both.resize(260, 600)
    qtbot.waitUntil(lambda: label.height() >= label.heightForWidth(label.width()))
    assert label.height() > 3 * label.fontMetrics().height()
