from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_scsam.config import TaughtClass
from napari_scsam.gui.panels.model import ModelPanel, checkpoint_tooltip

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot) -> ModelPanel:
    panel = ModelPanel()
    qtbot.addWidget(panel)
    return panel


def test_checkpoints_are_listed_and_picked(panel, info):
    other = replace(info, name="other")
    picked = []
    panel.checkpoint_chosen.connect(picked.append)
    panel.show_checkpoints([info, other])
    panel.show_chosen(info, "Runs on cuda")
    assert panel.note.text() == "Runs on cuda; trained at 5 nm per pixel."
    panel.checkpoints.activated.emit(1)
    assert picked == [other]


def test_a_checkpoint_from_a_file_joins_the_list(panel, info):
    panel.show_checkpoints([])
    assert not panel.checkpoints.isEnabled()
    assert "No checkpoint found" in panel.note.text()
    mine = replace(info, name="mine", path=Path("mine.safetensors"), nm_per_pixel=None)
    panel.show_chosen(mine, "cpu")
    panel.show_chosen(mine, "cpu")
    assert [panel.checkpoints.itemText(i) for i in range(panel.checkpoints.count())] == ["mine"]
    assert "unknown" in panel.note.text()


def test_the_tooltip_tells_classes_size_and_licence(info):
    text = checkpoint_tooltip(info)
    assert "mitochondrion, membrane, vesicle" in text
    assert "22 MB, licence: BSD-3" in text


def test_what_was_taught_can_be_saved(panel, info, monkeypatch, tmp_path, qtbot):
    proposed = []
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path))
    monkeypatch.setattr(
        QFileDialog,
        "getSaveFileName",
        lambda _parent, _title, path, _filter: proposed.append(path) or (path, ""),
    )
    panel.show_chosen(info, "Runs on cpu")
    panel.show_taught(())
    assert panel.save.isHidden()
    panel.show_taught((TaughtClass(info.classes[0], (0.0,)),))
    assert not panel.save.isHidden()
    with qtbot.waitSignal(panel.save_asked) as asked:
        panel.save.click()
    assert asked.args == proposed == [str(tmp_path / "tiny_taught.safetensors")]


def test_a_network_without_classes_says_so(panel, info):
    clicks = replace(info, name="sam", nm_per_pixel=None, config={"prompts_only": True})
    panel.show_chosen(clicks, "Runs on cpu")
    assert panel.note.text() == "Runs on cpu; clicks and boxes only."
    assert "Classes: none; clicks and boxes only" in checkpoint_tooltip(clicks)
    assert "mitochondrion" not in checkpoint_tooltip(clicks)


def test_an_imported_network_says_that_it_answers_no_clicks(panel, info):
    imported = replace(info, name="er", config={"form": {}})
    panel.show_chosen(imported, "Runs on cpu")
    assert panel.note.text() == "Runs on cpu; imported; classes only, no clicks."
