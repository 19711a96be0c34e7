from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari._app_model import get_app_model
from napari.layers import Image, Labels
from napari.utils.notifications import notification_manager
from npe2 import DynamicPlugin, PluginManifest

from napari_scsam.config import UserError
from napari_scsam.gui import session as session_module
from napari_scsam.gui.forms import parts, segment_volume
from napari_scsam.gui.forms.segment_volume import segment_volume_form, segment_volume_in_viewer
from napari_scsam.gui.panels.runs import RunList
from napari_scsam.gui.session import Session
from napari_scsam.io.labels import write_labels
from napari_scsam.volume import detached
from napari_scsam.volume.detached import RunPhase, list_runs, write_end, write_progress

pytestmark = pytest.mark.gui

MANIFEST = Path(segment_volume.__file__).parents[2] / "napari.yaml"


@pytest.fixture
def one_checkpoint(monkeypatch, info, fake_engine):
    """The only checkpoint on this machine, and an engine that needs no network."""

    def find(name):
        if name != info.name:
            raise UserError(f"there is no checkpoint {name}")
        return info

    monkeypatch.setattr(session_module, "Engine", lambda: fake_engine)
    monkeypatch.setattr(parts, "list_checkpoints", lambda: (info,))
    for module in (parts, segment_volume):
        monkeypatch.setattr(module, "checkpoint_info", find)
    return info


def labels_of(viewer) -> list[np.ndarray]:
    return [np.asarray(layer.data) for layer in viewer.layers if isinstance(layer, Labels)]


def finish(viewer, wait) -> None:
    worker = Session.of(viewer).jobs.worker
    wait(lambda: not (worker.busy() or worker._small), timeout=60_000)


def test_a_script_segments_a_volume_without_the_panels(
    make_napari_viewer, one_checkpoint, stack, wait
):
    viewer = make_napari_viewer()
    image = viewer.add_image(stack, scale=(40, 8, 8), units=("nm",) * 3)
    segment_volume_in_viewer(viewer, image, "tiny", ["vesicle"])
    finish(viewer, wait)
    (labels,) = labels_of(viewer)
    assert all(set(np.unique(plane)) == {0, 3} for plane in labels)
    wait(lambda: viewer.status.startswith("4 slices segmented"))


def test_the_form_offers_classes_and_voxel_size_and_segments_with_them(
    make_napari_viewer, one_checkpoint, stack, wait
):
    viewer = make_napari_viewer()
    viewer.add_image(stack, scale=(40, 8, 8), units=("nm",) * 3)
    form = segment_volume_form()
    viewer.window.add_dock_widget(form, name="Segment a whole volume")
    assert form.voxel_size_nm.value == (40, 8, 8)
    assert list(form.classes.choices) == ["mitochondrion", "membrane", "vesicle"]
    form.classes.value = ["mitochondrion", "membrane"]
    form.voxel_size_nm.value = (30, 10, 10)
    form.average_four_views.value = True
    form.call_button.native.click()
    finish(viewer, wait)
    (labels,) = labels_of(viewer)
    assert set(np.unique(labels)) == {0, 1, 2}
    choices = Session.of(viewer).choices
    assert (choices.voxel_size, choices.tta) == ((30.0, 10.0, 10.0), True)


def test_with_the_panels_open_they_show_the_run(window, one_checkpoint, stack):
    one = window(Image(stack))
    one.finish()
    said = []
    one.session.status.connect(said.append)
    segment_volume_in_viewer(one.viewer, one.viewer.layers[0], "tiny")
    one.finish()
    assert Session.of(one.viewer) is one.session
    assert said[-1].startswith("4 slices segmented")
    assert one.widget.segment.scope.current() == "volume"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"checkpoint": "missing"}, "There is no checkpoint missing."),
        ({"classes": ["golgi"]}, "golgi"),
        ({"voxel_size_nm": (40.0, 0.0, 8.0)}, "each above 0"),
    ],
)
def test_a_wrong_choice_is_one_sentence_and_starts_nothing(
    make_napari_viewer, one_checkpoint, stack, wait, wrong, message
):
    viewer = make_napari_viewer()
    image = viewer.add_image(stack)
    notification_manager.records.clear()
    segment_volume_in_viewer(viewer, image, **{"checkpoint": "tiny"} | wrong)
    finish(viewer, wait)
    assert message in notification_manager.records[-1].message
    assert labels_of(viewer) == []


def test_the_command_is_in_the_manifest_and_in_the_palette(make_napari_viewer, npe2pm):
    manifest = PluginManifest.from_file(MANIFEST)
    (command,) = (c for c in manifest.contributions.commands if c.id.endswith("segment_volume"))
    module, name = command.python_name.split(":")
    assert getattr(importlib.import_module(module), name) is segment_volume_form
    assert command.id in {widget.command for widget in manifest.contributions.widgets}
    make_napari_viewer()
    with DynamicPlugin(manifest=manifest, plugin_manager=npe2pm):
        titles = [action.title for _, action in get_app_model().commands]
    assert any("Segment a whole volume" in title for title in titles)


@pytest.fixture
def on_workers(monkeypatch, tmp_path):
    """Runs that no process does; what was asked for."""
    monkeypatch.setenv("NAPARI_SCSAM_USER", str(tmp_path / "user"))
    monkeypatch.setattr(detached, "continue_run", lambda _: None)


def test_a_run_on_workers_is_listed_in_every_window_and_shown_when_it_is_done(
    make_napari_viewer, one_checkpoint, on_workers, stack, tmp_path, wait
):
    file = tmp_path / "em.tif"
    tifffile.imwrite(file, stack, photometric="minisblack")
    first = make_napari_viewer()
    (image,) = first.open(str(file), plugin="napari")
    segment_volume_in_viewer(first, image, "tiny", ["vesicle"], (40, 8, 8), workers="2")
    (state,) = list_runs()
    assert state.request.out == str(tmp_path / "em.labels.zarr")
    assert (state.request.workers, state.request.classes) == (2, ("vesicle",))
    assert state.request.voxel_size == (40, 8, 8)

    viewer = make_napari_viewer()
    form = segment_volume_form()
    viewer.window.add_dock_widget(form, name="Segment a whole volume")
    (listed,) = form.native.findChildren(RunList)
    write_progress(state.folder, 1, 4, 30.0)
    wait(lambda: [line.bar.value() for line in listed.rows.values()] == [1])
    (line,) = listed.rows.values()
    assert line.name.text() == "em.labels.zarr, 2 workers"
    assert list(line.buttons) == ["Continue", "Remove"]
    write_labels(
        state.request.out, np.ones(stack.shape, np.uint8), (40, 8, 8), one_checkpoint.classes
    )
    write_end(state.folder, RunPhase.FINISHED)
    wait(lambda: list(line.buttons) == ["Show", "Remove"])
    line.buttons["Show"].click()
    assert [type(layer) for layer in viewer.layers] == [Image, Labels]
    assert tuple(viewer.layers[1].scale) == tuple(viewer.layers[0].scale), "pixel on pixel"
    line.buttons["Remove"].click()
    wait(lambda: listed.rows == {})
    assert list_runs() == []


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"workers": "2"}, "from a file"),
        ({"workers": "many"}, "not a number of workers"),
        ({"workers": "tcp://127.0.0.1:1"}, "from a file"),
    ],
)
def test_workers_that_cannot_work_are_one_sentence(
    make_napari_viewer, one_checkpoint, on_workers, stack, chosen, message
):
    viewer = make_napari_viewer()
    image = viewer.add_image(stack)
    notification_manager.records.clear()
    segment_volume_in_viewer(viewer, image, "tiny", **chosen)
    assert message in notification_manager.records[-1].message
    assert list_runs() == []
