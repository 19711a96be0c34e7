"""The name of a file to save, whose suffix is added after the dialog has asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_scsam.gui import panels
from napari_scsam.gui.panels.model import _as_checkpoint
from napari_scsam.gui.panels.objects.page import _as_table
from napari_scsam.gui.panels.parts.save_name import ask_save_name
from napari_scsam.gui.panels.project import with_suffix_of

YES, NO = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No

pytestmark = pytest.mark.gui


@pytest.mark.parametrize(
    ("typed", "chosen", "complete", "name"),
    [
        ("cell.zarr", "MRC (*.mrc)", with_suffix_of, "cell.mrc"),
        ("cell", "OME-Zarr (*.zarr)", with_suffix_of, "cell.zarr"),
        ("net", "", _as_checkpoint, "net.safetensors"),
        ("table", "Parquet (*.parquet)", _as_table, "table.parquet"),
    ],
)
def test_what_is_there_under_the_whole_name_is_replaced_only_if_the_user_agrees(
    qtbot, tmp_path, monkeypatch, typed, chosen, complete, name
):
    parent = QWidget()
    qtbot.addWidget(parent)
    asked = []
    answer = [YES]
    question = lambda *words: asked.append(words[2]) or answer[0]  # noqa: E731
    monkeypatch.setattr(QMessageBox, "question", question)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / typed), chosen))
    whole = str(tmp_path / name)
    assert ask_save_name(parent, "", "", "", complete) == whole
    assert asked == []
    Path(whole).touch()
    assert ask_save_name(parent, "", "", "", complete) == whole
    answer[0] = NO
    assert ask_save_name(parent, "", "", "", complete) == ""
    assert asked == [f"{name} already exists. Replace it?"] * 2


def test_a_name_that_is_whole_was_asked_for_by_the_dialog(qtbot, tmp_path, monkeypatch):
    parent = QWidget()
    qtbot.addWidget(parent)
    path = tmp_path / "cell.mrc"
    path.touch()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    assert ask_save_name(parent, "", "", "", with_suffix_of) == str(path)


def test_panels_that_save_ask_for_names_in_one_way():
    folder = Path(panels.__file__).parent
    for path in folder.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "getSaveFileName" in text and path.name != "save_name.py":
            assert "DontConfirmOverwrite" in text, path.name
