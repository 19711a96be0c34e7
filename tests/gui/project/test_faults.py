"""A project that goes away, is damaged, or is of a newer version, in a viewer."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from damages import garble
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_scsam.gui.layers.files import image_layer_data
from napari_scsam.gui.project.damages import ProjectDamages
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.model import ProjectModel
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.io.saved import saved_chunks
from napari_scsam.io.saved.anchored_store import UnreadableError
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.project import record_keeper
from napari_scsam.project.image import copy_image
from napari_scsam.project.project import CLASSES

POINTS = (np.full(400, 1), np.repeat(np.arange(20), 20), np.tile(np.arange(20), 20))


@pytest.fixture
def begin(fake_engine, info, monkeypatch, tmp_path):
    """A session without a window, where everything happens at once."""
    monkeypatch.setattr(saved_chunks, "RETRY", 0.05)
    monkeypatch.setattr(record_keeper, "RETRY", 0.05)
    (tmp_path / "tiny.safetensors").write_text("tiny")
    begun = []

    def start():
        viewer = ViewerModel()
        session = Session(viewer, fake_engine, AtOnce)
        session.choices.choose_checkpoint(replace(info, path=tmp_path / "tiny.safetensors"))
        keeper = session.part(ProjectKeeper)
        session.part(ProjectModel)
        damages = session.part(ProjectDamages)
        begun.append(keeper)
        return SimpleNamespace(
            viewer=viewer, session=session, keeper=keeper, saver=keeper.saver, damages=damages
        )

    yield start
    for keeper in begun:
        keeper.close()


@pytest.fixture
def image(tmp_path: Path, stack: np.ndarray) -> Path:
    list(copy_image(tmp_path / "cell.zarr", stack, (40.0, 8.0, 8.0), (0.0, 0.0, 0.0)))
    return tmp_path / "cell.zarr"


@pytest.fixture
def path(begin, image: Path, tmp_path: Path) -> Path:
    """A project with two slices of labels, one of them reviewed."""
    one = begin()
    data, state, _ = image_layer_data(open_volume(image))
    one.session.choices.choose_image(one.viewer.add_image(data, **state))
    one.keeper.new(str(tmp_path / "mine"))
    project = one.keeper.project
    project.array(CLASSES)[1] = 1
    project.array(CLASSES)[2] = 1
    project.predicted[1] = 1
    project.reviewed[1] = 1
    one.keeper.close()
    return tmp_path / "mine.scsam.zarr"


@pytest.fixture
def one(begin, path: Path):
    """The project in a viewer; it saves when a test says so."""
    opened = begin()
    opened.keeper.open(str(path))
    opened.saver.stop()
    return opened


def damage(path: Path, z: int) -> Path:
    file = next(f for f in (path / f"labels/classes/0/c/{z}").rglob("*") if f.is_file())
    garble(file)
    return file


def test_a_project_that_is_gone_is_not_saved_until_it_is_back(one, path, wait):
    one.saver.save()
    wait(lambda: (one.saver.save(), one.saver.state == "All is saved.")[1], 5000)
    away = path.with_name("away")
    path.rename(away)
    one.saver.save()
    assert one.saver.state.startswith("NOT SAVED: the folder"), "also before anything is painted"
    one.keeper.labels.data_setitem(POINTS, 2)
    one.saver.log("painted")
    one.keeper.labels.opacity = 0.25
    one.viewer.add_labels(np.ones((4, 160, 200), np.uint8)[: len(one.keeper.labels.data)])
    notification_manager.records.clear()
    for _ in range(3):
        one.saver.save()
        assert one.saver.state.startswith("NOT SAVED")
    assert len(notification_manager.records) == 0, "it was said"
    assert not path.exists()
    away.rename(path)
    wait(lambda: (one.saver.save(), one.saver.state == "All is saved.")[1], 10_000)
    assert (open_labels(path).data[1] == 2).sum() == 400
    assert "painted" in (path / "zarr.json").read_text()
    assert "0.25" in (path / "zarr.json").read_text()


def test_a_renamed_project_is_opened_where_it_is_now_with_what_was_painted(one, path, wait):
    new = path.with_name("renamed.scsam.zarr")
    path.rename(new)
    one.keeper.labels.data_setitem(POINTS, 2)
    project = one.keeper.project
    one.keeper.open(str(new))
    assert one.keeper.project is project
    assert project.path == new
    wait(lambda: not project.unsaved, 10_000)
    assert (open_labels(new).data[1] == 2).sum() == 400
    assert not path.exists()


def test_a_damaged_slice_is_named_and_the_rest_opens(begin, path):
    file = damage(path, 1)
    said = []
    one = begin()
    one.session.status.connect(said.append)
    one.keeper.open(str(path))
    assert "the labels cannot be read at slice 1" in said[-1]
    assert [part.slices for part in one.damages.found] == [(1,)]
    layer = one.keeper.labels
    assert np.asarray(layer.data[2]).all()
    assert not np.asarray(layer.data[1]).any()
    with pytest.raises(UnreadableError):
        layer.data_setitem(POINTS, 2)
    one.saver.save()
    assert one.saver.state == "All is saved, but a part cannot be read."
    assert file.is_file()


def test_damage_that_shows_later_is_named_then(one, path):
    assert one.damages.found == ()
    one.keeper.project.array(CLASSES)._memory._blocks.clear()
    damage(path, 2)
    np.asarray(one.keeper.labels.data[2])
    one.saver.save()
    assert [part.slices for part in one.damages.found] == [(2,)]


def test_it_is_restored_or_given_up(begin, path):
    damage(path, 1)
    damage(path, 2)
    one = begin()
    one.keeper.open(str(path))
    assert [part.slices for part in one.damages.found] == [(1, 2)]
    one.damages.restore()
    assert [part.slices for part in one.damages.found] == [(2,)], "it has no answers of the model"
    assert np.asarray(one.keeper.labels.data[1]).all()
    one.damages.give_up()
    assert one.damages.found == ()
    one.keeper.labels.data_setitem(POINTS, 2)
    assert not one.keeper.project.reviewed[1].any()


def test_a_newer_project_is_shown_and_never_changed(begin, path):
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["scsam"]["format"] = 2
    document["attributes"]["scsam"]["future"] = {"x": 1}
    document["attributes"]["scsam"]["project"]["mood"] = "fine"
    (path / "zarr.json").write_text(json.dumps(document))
    before = {f: f.read_bytes() for f in path.rglob("*") if f.is_file()}
    one = begin()
    one.keeper.open(str(path))
    one.saver.save()
    assert one.saver.state.startswith("Read-only: a newer version")
    assert not one.keeper.labels.editable
    one.session.part(Reviewing).mark_slice()
    one.session.choices.type_voxel_size((50.0, 9.0, 9.0))
    one.keeper.labels.opacity = 0.125
    one.saver.log("painted")
    one.saver.save()
    one.keeper.close()
    assert {f: f.read_bytes() for f in path.rglob("*") if f.is_file()} == before


def test_an_image_with_other_pixels_is_asked_about_and_may_be_gone_on_with(
    begin, path, image, stack
):
    shutil.rmtree(image)
    changed = stack.copy()
    changed[2:] += 1
    list(copy_image(image, changed, (40.0, 8.0, 8.0), (0.0, 0.0, 0.0)))
    one = begin()
    asked = []
    one.keeper.image_changed.connect(lambda *question: asked.append(question))
    one.keeper.open(str(path))
    ((project, question, fits),) = asked
    assert (project, fits) == (path, True)
    assert "its pixels differ from slice 2 on" in question
    assert one.keeper.project is None
    one.keeper.accept_image(str(path))
    assert one.keeper.project is not None
    assert np.asarray(one.keeper.labels.data[2]).all()
    one.keeper.close()
    two = begin()
    two.keeper.open(str(path))
    assert two.keeper.project is not None, "it is asked once"


def test_a_record_with_a_strange_view_opens(begin, path):
    document = json.loads((path / "zarr.json").read_text())
    view = {
        "layers": [5, {"kind": "points", "state": {"name": "a", "data": "b"}}, {"state": 3}],
        "camera": {"zoom": "near"},
        "dims": {"order": [0, 1, 2]},
        "active": 7,
    }
    document["attributes"]["scsam"]["project"]["view"] = view
    (path / "zarr.json").write_text(json.dumps(document))
    one = begin()
    one.keeper.open(str(path))
    assert one.keeper.project is not None
    assert np.asarray(one.keeper.labels.data[2]).all()
    one.saver.save()
