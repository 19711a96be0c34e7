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
    for spec in classes:
        made.add(spec, spec.name)
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
    assert picked[-1:] == [classes[2]]
    assert dropdown.currentText() == "vesicle"


def test_what_is_no_class_is_given_up(dropdown):
    dropdown.setCurrentIndex(0)
    dropdown.setEditText("golgi")
    dropdown.line.editingFinished.emit()
    assert dropdown.currentText() == "mitochondrion"
    assert dropdown.count() == 3


def test_the_class_in_use_is_shown(dropdown, classes):
    dropdown.show_chosen(classes[1])
    assert dropdown.currentText() == "membrane"
    dropdown.show_chosen(None)
    assert dropdown.currentIndex() == -1


def test_a_click_on_the_text_opens_the_list_of_all_classes(dropdown, classes, wait):
    picked = []
    dropdown.picked.connect(picked.append)
    dropdown.window().setStyleSheet("QListView { color: #112233; }")
    dropdown.show_chosen(classes[0])
    QTest.mouseClick(dropdown.line, Qt.MouseButton.LeftButton)
    popup = dropdown.completer().popup()
    wait(popup.isVisible)
    assert popup.model().rowCount() == 3, "not only those with the text that was there"
    assert popup.palette().text().color().name() == "#112233", "the look of the window"
    index = popup.model().index(2, 0)
    QTest.mouseClick(
        popup.viewport(), Qt.MouseButton.LeftButton, pos=popup.visualRect(index).center()
    )
    assert picked == [classes[2]]
    assert dropdown.currentText() == "vesicle"
    assert not popup.isVisible()


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
