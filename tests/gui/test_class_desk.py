"""The class manager in a real window: what is typed and pressed there is seen everywhere."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QColorDialog

from napari_scsam.gui.layers.class_table import classes_of

pytestmark = pytest.mark.gui

LEFT = Qt.MouseButton.LeftButton


def type_into(field, text: str) -> None:
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


def listed(editor) -> list[str]:
    return [editor.list.item(row).text() for row in range(editor.list.count())]


def test_a_day_of_a_class_made_by_hand(window, stack, monkeypatch):
    one = window(Image(stack, name="cell"))
    QTest.mouseClick(one.widget.class_bar.edit, LEFT)
    editor = one.widget.work_desk.classes.editor
    assert listed(editor) == ["mitochondrion", "membrane", "vesicle"]

    type_into(editor.new_name, "granule")
    assert listed(editor)[-1] == "granule"
    assert editor.current.name == "granule", "the new class is selected"
    assert editor.new_name.text() == ""
    assert one.widget.class_bar.classes.currentText() == "granule"
    labels = one.session.labels
    assert labels.selected_label == 4

    type_into(editor.new_name, "Vesicle")
    assert "already names a class" in editor.trouble.text()
    assert editor.trouble.isVisible()

    type_into(editor.name, "dense granule")
    assert not editor.trouble.isVisible()
    type_into(editor.description, "Dark and round")
    monkeypatch.setattr(QColorDialog, "getColor", lambda colour, *_: type(colour)("#102030"))
    QTest.mouseClick(editor.colour, LEFT)
    granule = one.session.choices.active
    assert (granule.id, granule.name, granule.colour) == (4, "dense granule", "#102030")
    assert granule.description == "Dark and round"
    assert granule in classes_of(labels)
    assert [round(255 * part) for part in labels.get_color(4)[:3]] == [16, 32, 48]
    assert one.widget.class_bar.classes.currentText() == "dense granule"

    for _ in range(3):
        QTest.mouseClick(editor.up, LEFT)
    assert listed(editor)[0] == "dense granule"
    assert not editor.up.isEnabled()
    bar = one.widget.class_bar.classes
    assert [bar.itemText(row) for row in range(bar.count())] == listed(editor)
    keep_picture(one)

    QTest.mouseClick(one.widget.segment.one_class, LEFT)
    QTest.mouseClick(one.widget.segment.segment, LEFT)
    assert "the network does not know dense granule" in one.widget.work.status.text().lower()

    labels.data_setitem(tuple(np.zeros((3, 1), int)), 4)
    asked = []
    monkeypatch.setattr(editor, "may_delete", lambda *what: asked.append(what))
    QTest.mouseClick(editor.delete, LEFT)
    one.finish()
    assert asked == [("dense granule", 1)]
    assert "dense granule" in listed(editor), "the answer was no"
    monkeypatch.setattr(editor, "may_delete", lambda *_: True)
    QTest.mouseClick(editor.delete, LEFT)
    one.finish()
    assert listed(editor) == ["mitochondrion", "membrane", "vesicle"]
    assert not np.asarray(labels.data).any()
    editor.close()


def keep_picture(one) -> None:
    """Save a picture for whoever asks for one."""
    folder = os.environ.get("SCSAM_PICTURES")
    if folder:
        one.widget.window().grab().save(str(Path(folder) / "window_with_classes.png"))
        one.widget.work_desk.classes.editor.grab().save(str(Path(folder) / "class_editor.png"))
