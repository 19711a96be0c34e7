from __future__ import annotations

import pytest
from napari.layers import Image
from qtpy.QtWidgets import QFileDialog

from napari_scsam.gui.panels.project import CREATE_ONE, NO_PROJECT, ProjectPanel

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot) -> ProjectPanel:
    panel = ProjectPanel()
    qtbot.addWidget(panel)
    panel.show_possible(image=True, labels=True)
    return panel


def test_a_copy_needs_a_project(panel, tmp_path):
    assert not panel.copy.isEnabled()
    assert panel.note.text() == f"{NO_PROJECT} {CREATE_ONE}"
    panel.show_project(tmp_path / "cell.scsam.zarr", "All is saved.")
    assert (panel.copy.isEnabled(), panel.note.text()) == (True, "cell.scsam.zarr: All is saved.")


def test_recent_projects_open_from_the_menu(panel, tmp_path):
    asked = []
    panel.open_asked.connect(asked.append)
    panel.show_recent([tmp_path / "one.scsam.zarr", tmp_path / "two.scsam.zarr"])
    panel.show_recent([tmp_path / "two.scsam.zarr"])
    actions = {action.text(): action for action in panel.menu.actions()}
    assert "one.scsam.zarr" not in actions, "the list is made anew"
    actions["two.scsam.zarr"].trigger()
    assert asked == [str(tmp_path / "two.scsam.zarr")]


@pytest.mark.parametrize(("answer", "asked"), [("cell", ["cell"]), ("", [])])
def test_a_dialog_that_is_given_up_asks_for_nothing(panel, monkeypatch, answer, asked):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (answer, ""))
    heard = []
    panel.new_asked.connect(heard.append)
    panel.new.click()
    assert heard == asked


def test_the_dialogs_do_not_offer_to_overwrite(panel, monkeypatch, tmp_path):
    offered = []
    monkeypatch.setattr(
        QFileDialog,
        "getSaveFileName",
        lambda *_, options=None, **__: offered.append(options) or ("", ""),
    )
    panel.show_project(tmp_path / "cell.scsam.zarr", "All is saved.")
    panel.new.click()
    panel.copy.click()
    assert offered == [QFileDialog.Option.DontConfirmOverwrite] * 2


@pytest.mark.parametrize(
    ("answer", "kind", "asked"),
    [
        ("/a/cell.zarr", "OME-Zarr (*.zarr)", ["/a/cell.zarr"]),
        ("/a/cell.zarr", "TIFF (*.tif)", ["/a/cell.tif"]),
        ("/a/cell.tiff", "TIFF (*.tif)", ["/a/cell.tiff"]),
        ("/a/cell.zarr", "MRC (*.mrc)", ["/a/cell.mrc"]),
        ("/a/cell", "HDF5 (*.h5)", ["/a/cell.h5"]),
        ("/a/cell.hdf5", "HDF5 (*.h5)", ["/a/cell.hdf5"]),
        ("/a/cell.mrc", "OME-Zarr (*.zarr)", ["/a/cell.mrc"]),
        ("", "", []),
    ],
)
def test_labels_are_saved_where_the_user_says(panel, monkeypatch, answer, kind, asked):
    proposed = []
    monkeypatch.setattr(
        QFileDialog,
        "getSaveFileName",
        lambda _parent, _title, name, _kinds: proposed.append(name) or (answer, kind),
    )
    heard = []
    panel.labels_asked.connect(heard.append)
    panel.propose("cell.ome.tiff")
    panel.labels.click()
    assert proposed == ["cell_labels.zarr"]
    assert heard == asked


@pytest.mark.parametrize(
    ("image", "proposed"),
    [
        ("cell 3", "cell 3"),
        ("cell.ome.tiff", "cell"),
        ("raw/em: left", "raw_em_ left"),
        ("a.b", "a.b"),
        ("", "project"),
        (". .", "project"),
    ],
)
def test_a_new_project_is_named_after_its_image(panel, monkeypatch, image, proposed):
    names = []
    monkeypatch.setattr(
        QFileDialog,
        "getSaveFileName",
        lambda _parent, _title, name, **_: names.append(name) or ("", ""),
    )
    panel.propose(image)
    panel.new.click()
    assert names == [f"{proposed}.scsam.zarr"]


def test_the_image_that_is_chosen_gives_the_name(window, stack, monkeypatch):
    names = []
    monkeypatch.setattr(
        QFileDialog,
        "getSaveFileName",
        lambda _parent, _title, name, **_: names.append(name) or ("", ""),
    )
    one = window(Image(stack, name="medulla"))
    one.widget.desk.project.new.click()
    one.finish()
    assert names == ["medulla.scsam.zarr"]
