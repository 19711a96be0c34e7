"""Names in files may look like HTML; panels show them as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QMessageBox

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.export import ExportPanel
from napari_scsam.gui.panels.model import ModelPanel
from napari_scsam.gui.panels.parts.class_picker import MultipleClasses
from napari_scsam.gui.panels.parts.widgets import Dropdown, note_label, plain_label, plain_tip
from napari_scsam.gui.panels.project import ProjectPanel

HTML = '<b>bold</b><img src="file:///etc/passwd">'
SHOWN = "&lt;b&gt;bold&lt;/b&gt;"


def test_plain_text_stays_as_it_is() -> None:
    for text in ("", "mitochondrion", "a\nb > c", "5 & 6"):
        assert plain_tip(text) == text


def test_html_is_escaped_with_its_line_breaks() -> None:
    tip = plain_tip(f"{HTML}\nsecond line")
    assert SHOWN in tip
    assert "<img" not in tip
    assert tip.endswith("<br>second line</span>")


@pytest.mark.parametrize("create", [note_label, plain_label])
def test_labels_show_html_as_text(create, qtbot) -> None:
    label: QLabel = create(HTML)
    qtbot.addWidget(label)
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert label.text() == HTML


def test_checkpoints_and_classes_with_html_are_shown_as_text(qtbot, info) -> None:
    model = ModelPanel()
    qtbot.addWidget(model)
    strange = replace(
        info, name=HTML, summary=HTML, licence=HTML, classes=(ClassSpec(1, HTML, "", HTML),)
    )
    model.show_checkpoints([strange])
    model.show_chosen(strange, "Runs on cpu")
    tips = [model.checkpoints.toolTip(), model.checkpoints.itemData(0, Qt.ItemDataRole.ToolTipRole)]
    picker = MultipleClasses()
    qtbot.addWidget(picker)
    picker.show_classes(strange.classes)
    tips.append(picker.list.item(0).toolTip())
    for tip in tips:
        assert SHOWN in tip
        assert "<img" not in tip


def test_files_with_html_names_are_shown_as_text(qtbot, monkeypatch) -> None:
    dropdown = Dropdown("Choose.")
    qtbot.addWidget(dropdown)
    dropdown.add(1, HTML, HTML)
    assert SHOWN in dropdown.itemData(0, Qt.ItemDataRole.ToolTipRole)
    panel = ProjectPanel()
    qtbot.addWidget(panel)
    assert panel.note.textFormat() == Qt.TextFormat.PlainText
    asked: list[str] = []

    def question(_parent: object, _title: str, text: str) -> QMessageBox.StandardButton:
        asked.append(text)
        return QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", question)
    export = ExportPanel()
    qtbot.addWidget(export)
    export.may_replace(HTML)
    assert "<img" not in asked[0]
