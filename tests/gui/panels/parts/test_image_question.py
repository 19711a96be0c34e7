from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_scsam.gui.panels.parts.image_question import ImageAnswer, ask_about_image

PROJECT = Path("/data/cell.scsam.zarr")


@pytest.fixture
def parent(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    return parent


@pytest.fixture
def press(monkeypatch):
    """Press a button of the question, by its text; what was asked is returned."""
    asked = []

    def choose(text: str) -> list[str]:
        def press_button(box):
            asked.append(box.text())
            wanted = [each for each in box.buttons() if text in each.text()]
            monkeypatch.setattr(QMessageBox, "clickedButton", lambda _: (wanted or [None])[0])

        monkeypatch.setattr(QMessageBox, "exec", press_button)
        return asked

    return choose


def test_a_file_or_a_folder_is_chosen_beside_the_project(parent, press, monkeypatch):
    begun = []

    def choose_file(_parent, _title, start):
        begun.append(start)
        return "/data/cell.tif", ""

    def choose_folder(_parent, _title, start):
        begun.append(start)
        return "/data/cell.zarr"

    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose_file)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", choose_folder)
    press("File")
    assert ask_about_image(parent, PROJECT, "gone") == ImageAnswer("/data/cell.tif")
    press("Folder")
    assert ask_about_image(parent, PROJECT, "gone") == ImageAnswer("/data/cell.zarr")
    assert begun == ["/data", "/data"]


def test_the_question_is_a_sentence(parent, press):
    asked = press("Cancel")
    assert ask_about_image(parent, PROJECT, "the image has moved; say where") == ImageAnswer()
    assert asked == ["The image has moved; say where."]


def test_going_on_is_offered_only_where_it_is_possible(parent, press):
    press("Go on")
    assert ask_about_image(parent, PROJECT, "changed", may_go_on=True) == ImageAnswer(go_on=True)
    assert ask_about_image(parent, PROJECT, "gone") == ImageAnswer()
