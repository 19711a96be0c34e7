from __future__ import annotations

import pytest

from napari_scsam.gui.panels.class_bar import ClassBar

pytestmark = pytest.mark.gui


@pytest.fixture
def bar(qtbot) -> ClassBar:
    made = ClassBar("Alt+1 to Alt+9 choose by place")
    qtbot.addWidget(made)
    made.show()
    return made


def colour_of(bar: ClassBar) -> str:
    return bar.colour.pixmap().toImage().pixelColor(4, 4).name()


def test_the_class_and_its_colour_are_shown(bar, classes):
    picked = []
    bar.picked.connect(picked.append)
    bar.show_classes(classes, classes[1])
    assert bar.classes.currentText() == "membrane"
    assert colour_of(bar) == classes[1].colour
    bar.show_classes(classes[:1], classes[0])
    assert bar.classes.count() == 1
    assert colour_of(bar) == classes[0].colour
    assert picked == [], "what the program shows was not picked"
    assert "Alt+1 to Alt+9 choose by place" in bar.classes.toolTip()


def test_a_class_is_picked(bar, classes):
    picked = []
    bar.picked.connect(picked.append)
    bar.show_classes(classes, classes[0])
    bar.classes.activated.emit(2)
    assert picked == [classes[2]]


def test_without_classes_there_is_nothing_to_pick(bar):
    bar.show_classes((), None)
    assert not bar.classes.isEnabled()
    assert not bar.colour.isVisible()
