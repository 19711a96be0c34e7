from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_scsam.gui.panels.parts.class_picker import ClassDropdown, MultipleClasses

pytestmark = pytest.mark.gui


@pytest.fixture
def dropdown(qtbot, classes) -> ClassDropdown:
    made = ClassDropdown("tip")
    qtbot.addWidget(made)
    made.add(tuple(classes), "all classes")
    for spec in classes:
        made.add((spec,), spec.name)
    made.show()
    return made


@pytest.fixture
def several(qtbot, classes) -> MultipleClasses:
    made = MultipleClasses()
    qtbot.addWidget(made)
    made.show_classes(classes)
    return made


def test_typing_a_part_of_a_name_finds_a_class(dropdown, classes, wait):
    picked = []
    dropdown.picked.connect(picked.append)
    dropdown.line.selectAll()
    QTest.keyClicks(dropdown.line, "esic")
    assert dropdown.completer().currentCompletion() == "vesicle"
    wait(dropdown.completer().popup().isVisible)
    QTest.keyClick(dropdown.completer().popup(), Qt.Key.Key_Down)
    QTest.keyClick(dropdown.completer().popup(), Qt.Key.Key_Return)
    assert picked[-1:] == [(classes[2],)]
    assert dropdown.currentText() == "vesicle"


def test_what_is_no_class_is_given_up(dropdown):
    dropdown.setCurrentIndex(1)
    dropdown.setEditText("golgi")
    dropdown.line.editingFinished.emit()
    assert dropdown.currentText() == "mitochondrion"
    assert dropdown.count() == 4


def test_several_classes_are_named_together(dropdown, classes):
    dropdown.show_chosen(classes[:2])
    assert dropdown.currentText() == "mitochondrion, membrane"
    dropdown.show_chosen(classes)
    assert dropdown.currentText() == "all classes"
    dropdown.show_chosen(classes[1:2])
    assert dropdown.currentText() == "membrane"


def test_ticking_several(several, classes, qtbot):
    several.show_chosen(classes[:1])
    picked = []
    several.picked.connect(picked.append)
    several.menu().aboutToShow.emit()
    several.menu().aboutToHide.emit()
    assert picked == []
    several.menu().aboutToShow.emit()
    several.list.item(2).setCheckState(Qt.CheckState.Checked)
    several.menu().aboutToHide.emit()
    assert picked == [(classes[0], classes[2])]
    several.menu().aboutToShow.emit()
    several._tick_all()
    assert several.ticked() == classes
    several._tick_all()
    assert several.ticked() == ()
    several.menu().aboutToHide.emit()
    assert several.ticked() == (classes[0], classes[2])


def test_searching_hides_the_others(several):
    several.search.setText("MEM")
    assert [several.list.item(row).isHidden() for row in range(3)] == [True, False, True]
