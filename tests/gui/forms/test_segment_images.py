"""The form that segments the images of a folder, with runs that no process does."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.notifications import notification_manager
from npe2 import PluginManifest

from napari_scsam.gui.forms import parts, segment_images
from napari_scsam.gui.forms.segment_images import segment_images_form, segment_images_in_viewer
from napari_scsam.gui.panels.runs import RunList
from napari_scsam.gui.session import Session
from napari_scsam.io.labels import write_labels
from napari_scsam.volume import detached
from napari_scsam.volume.detached import RunPhase, list_runs, write_end, write_progress

pytestmark = pytest.mark.gui


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, info) -> Path:
    """Three images, and no process that segments them."""
    monkeypatch.setenv("NAPARI_SCSAM_USER", str(tmp_path / "user"))
    monkeypatch.setattr(detached, "continue_run", lambda _: None)
    monkeypatch.setattr(parts, "list_checkpoints", lambda: (info,))
    for module in (parts, segment_images):
        monkeypatch.setattr(module, "checkpoint_info", lambda _: info)
    images = tmp_path / "images"
    images.mkdir()
    for number, side in enumerate((30, 40, 50)):
        tifffile.imwrite(images / f"{number}.tif", np.full((side, side + 1), 9, np.uint8))
    return images


@pytest.fixture
def viewer():
    """A viewer with a session and without a window."""
    viewer = ViewerModel()
    session = Session.of(viewer)
    session.attach()
    yield viewer
    session.detach()


def label(path: Path, classes) -> None:
    path.parent.mkdir(exist_ok=True)
    write_labels(path, np.ones((30, 31), np.uint8), None, classes)


def test_a_folder_is_segmented_watched_and_shown(make_napari_viewer, folder, info, wait):
    viewer = make_napari_viewer()
    form = segment_images_form()
    viewer.window.add_dock_widget(form, name="Segment the images of a folder")
    form.folder.value = folder
    form.pixel_size_nm.value = 4.0
    form()
    (state,) = list_runs()
    request = state.request
    assert [Path(name).name for name in request.images] == ["0.tif", "1.tif", "2.tif"]
    assert (request.out, request.voxel_size) == (str(folder / "labels"), (4.0, 4.0, 4.0))
    assert request.classes == tuple(spec.name for spec in info.classes)
    assert not request.replace
    (listed,) = form.native.findChildren(RunList)
    write_progress(state.folder, 1, 3, 30.0)
    wait(lambda: [line.bar.value() for line in listed.rows.values()] == [1])
    (line,) = listed.rows.values()
    assert line.name.text() == "labels, 3 images"
    assert list(line.buttons) == ["Continue", "Remove"]
    label(folder / "labels" / "0.tif", info.classes)
    write_end(state.folder, RunPhase.FINISHED)
    wait(lambda: list(line.buttons) == ["Show", "Remove"])
    line.buttons["Show"].click()
    assert [type(layer) for layer in viewer.layers] == [Image, Labels]


def test_finished_labels_are_replaced_only_when_asked(viewer, folder, info):
    for number in range(3):
        label(folder / "labels" / f"{number}.tif", info.classes)
    notification_manager.records.clear()
    segment_images_in_viewer(viewer, folder, "tiny")
    assert "All 3 images have labels" in notification_manager.records[-1].message
    assert list_runs() == []
    segment_images_in_viewer(viewer, folder, "tiny", replace=True)
    assert [state.request.replace for state in list_runs()] == [True]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"folder": None}, "no folder of images"),
        ({"names": "*.jpg"}, "no image in"),
        ({"classes": ["nothing"]}, "no class is called"),
        ({"labels_folder": "same"}, "overwrite the image"),
    ],
)
def test_a_mistake_is_one_sentence(viewer, folder, chosen, message):
    settings = {"folder": folder, "checkpoint": "tiny"} | chosen
    if "labels_folder" in chosen:
        settings["labels_folder"] = folder
    notification_manager.records.clear()
    segment_images_in_viewer(viewer, **settings)
    assert message in notification_manager.records[-1].message.casefold()
    assert list_runs() == []


def test_the_command_is_in_the_manifest():
    manifest = PluginManifest.from_file(Path(segment_images.__file__).parents[2] / "napari.yaml")
    commands = {command.id: command for command in manifest.contributions.commands}
    module, name = commands["napari-scsam.segment_images"].python_name.split(":")
    assert getattr(importlib.import_module(module), name) is segment_images_form


def test_networks_to_add_are_offered_once_one_is_imported(
    make_napari_viewer, folder, info, monkeypatch
):
    viewer = make_napari_viewer()
    form = segment_images_form()
    viewer.window.add_dock_widget(form)
    assert form.beside.native.isHidden()
    imported = replace(info, name="er", config={"form": "onnx"})
    monkeypatch.setattr(parts, "list_checkpoints", lambda: (info, imported))
    parts._list_again(form, parts.OWN_NETWORK_FIELDS)
    assert not form.beside.native.isHidden()
