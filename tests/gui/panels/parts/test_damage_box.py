from __future__ import annotations

import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_scsam.gui.panels.parts.damage_box import DamageBox


@pytest.fixture
def box(qtbot):
    box = DamageBox()
    qtbot.addWidget(box)
    box.asked = []
    box.restore_asked.connect(box.asked.append)
    box.give_up_asked.connect(lambda: box.asked.append("give up"))
    return box


def test_a_sound_project_shows_nothing(box):
    assert box.isHidden()
    box.show_damage(["slice 3 of the labels"])
    assert not box.isHidden()
    box.show_damage([])
    assert box.isHidden()


def test_each_damaged_part_is_a_sentence(box):
    box.show_damage(["slice 3 of the labels cannot be read", "slices 4 to 7 are gone"])
    assert box.note.text() == (
        "DAMAGED: Slice 3 of the labels cannot be read. Slices 4 to 7 are gone."
    )


def test_a_part_is_restored_from_what_is_found_or_from_a_file(box, monkeypatch):
    box.restore.click()
    assert box.asked == [""]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "/data/labels.zarr")
    box.restore_from.click()
    assert box.asked == ["", "/data/labels.zarr"]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    box.restore_from.click()
    assert box.asked == ["", "/data/labels.zarr"]


@pytest.mark.parametrize(
    ("answer", "asked"),
    [(QMessageBox.StandardButton.Yes, ["give up"]), (QMessageBox.StandardButton.No, [])],
)
def test_nothing_is_given_up_without_asking(box, monkeypatch, answer, asked):
    questions = []

    def ask(_parent, _title, text, _buttons, usual):
        questions.append(text)
        assert usual == QMessageBox.StandardButton.No
        return answer

    monkeypatch.setattr(QMessageBox, "question", ask)
    box.give_up.click()
    assert box.asked == asked
    assert "labels/.damaged" in questions[0]
