from __future__ import annotations

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_scsam.gui.panels.export import ExportPanel

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot) -> ExportPanel:
    panel = ExportPanel()
    qtbot.addWidget(panel)
    panel.show_ready(ready=True)
    panel.asked = []
    panel.export_asked.connect(lambda *what: panel.asked.append(what))
    return panel


def test_without_a_project_nothing_can_be_pressed(panel):
    panel.show_ready(ready=False)
    assert not any(
        part.isEnabled() for part in (panel.export, panel.into_image, panel.bring, panel.formats)
    )
    assert "project first" in panel.note.text()
    panel.show_ready(ready=True)
    assert panel.export.isEnabled()
    panel.show_reviewed(reviewed=False)
    assert not panel.export.isEnabled(), "a name would be asked for, and then refused"
    assert panel.into_image.isEnabled()
    panel.show_ready(ready=True, takes_labels=False)
    assert not panel.into_image.isEnabled(), "a TIFF holds no labels"
    assert panel.bring.isEnabled()
    assert "mark a slice as reviewed first" in panel.note.text()


def test_the_name_proposed_follows_the_form(panel, monkeypatch):
    proposed = []
    monkeypatch.setattr(
        QFileDialog,
        "getSaveFileName",
        lambda _parent, _title, name, **_: proposed.append(name) or ("", ""),
    )
    panel.export.click()
    panel.formats.show_choice("nnunet")
    panel.export.click()
    assert proposed == ["training_set", "Dataset001_scsam"]
    assert panel.asked == []


@pytest.mark.parametrize(
    ("there", "may", "asked"), [(False, False, 1), (True, False, 0), (True, True, 1)]
)
def test_what_is_there_is_replaced_only_when_the_user_says_so(
    panel, monkeypatch, tmp_path, there, may, asked
):
    path = tmp_path if there else tmp_path / "new"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))
    monkeypatch.setattr(panel, "may_replace", lambda _: may)
    panel.export.click()
    assert panel.asked == [(str(path), "ome-zarr", there)] * asked
