from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.class_editor import DRAWN_BY_HAND, ClassEditor


@pytest.fixture
def editor(qtbot, classes):
    editor = ClassEditor()
    qtbot.addWidget(editor)
    editor.asked = []
    for signal in ("rename", "recolour", "describe", "move"):
        getattr(editor, f"{signal}_asked").connect(
            lambda spec, value, what=signal: editor.asked.append((what, spec.name, value))
        )
    editor.add_asked.connect(lambda name: editor.asked.append(("add", name)))
    editor.delete_asked.connect(lambda spec: editor.asked.append(("delete", spec.name)))
    editor.show_classes(classes, [1, 2])
    return editor


def test_the_first_class_is_shown_at_first(editor, classes):
    assert editor.current == classes[0]
    assert editor.name.text() == "mitochondrion"
    assert editor.description.text() == "The power plant"
    assert editor.colour.text() == "#e6553c"
    assert not editor.up.isEnabled()
    assert editor.down.isEnabled()
    assert editor.note.text() == ""


def test_the_last_class_cannot_go_down(editor, classes):
    editor.select(classes[2])
    assert editor.up.isEnabled()
    assert not editor.down.isEnabled()
    assert editor.note.text() == DRAWN_BY_HAND


def test_a_class_that_the_network_calls_otherwise_says_so(editor):
    renamed = ClassSpec(1, "Mitos", "#e6553c", renamed_from="mitochondrion")
    editor.show_classes([renamed], [1])
    assert editor.note.text() == "The network knows it as 'mitochondrion'."


def test_fields_ask_for_changes_of_the_class_shown(editor, classes, monkeypatch):
    editor.select(classes[1])
    editor.name.setText("plasma membrane")
    editor.name.editingFinished.emit()
    editor.description.setText("thin")
    editor.description.editingFinished.emit()
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor("#010203"))
    editor.colour.click()
    editor.up.click()
    editor.down.click()
    editor.delete.click()
    assert editor.asked == [
        ("rename", "membrane", "plasma membrane"),
        ("describe", "membrane", "thin"),
        ("recolour", "membrane", "#010203"),
        ("move", "membrane", -1),
        ("move", "membrane", 1),
        ("delete", "membrane"),
    ]


def test_what_did_not_change_is_not_asked_for(editor, monkeypatch):
    editor.name.setText("  mitochondrion ")
    editor.name.editingFinished.emit()
    editor.description.editingFinished.emit()
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor())
    editor.colour.click()
    assert editor.asked == []


def test_a_new_class_is_added_by_button_or_enter(editor, qtbot):
    editor.new_name.setText("Golgi")
    editor.add.click()
    qtbot.keyClick(editor.new_name, Qt.Key.Key_Return)
    assert editor.asked == [("add", "Golgi"), ("add", "Golgi")]


def test_a_class_that_is_new_in_the_list_is_selected(editor, classes):
    editor.select(classes[1])
    golgi = ClassSpec(9, "Golgi")
    editor.show_classes([*classes, golgi], [1, 2])
    assert editor.current == golgi


def test_the_selected_class_stays_selected_when_others_move_or_go(editor, classes):
    editor.select(classes[1])
    editor.show_classes([classes[2], classes[1], classes[0]], [])
    assert editor.current == classes[1]
    editor.show_classes([classes[2]], [])
    assert editor.current == classes[2]
    editor.show_classes([], [])
    assert editor.current is None
    assert not editor.name.isEnabled()
    assert not editor.delete.isEnabled()


def test_a_refused_change_is_explained_and_taken_back(editor):
    editor.new_name.setText("ER")
    editor.name.setText("membrane")
    editor.show_trouble("another class is called membrane; choose another name")
    assert editor.trouble.text() == "Another class is called membrane; choose another name."
    assert editor.name.text() == "mitochondrion"
    assert editor.new_name.text() == "ER"
    editor.show_trouble("")
    assert editor.trouble.isHidden()
    assert editor.new_name.text() == ""
