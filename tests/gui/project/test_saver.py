from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_scsam.gui.layers.plane import camera_of
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.saver import described_labels
from napari_scsam.gui.session import Session
from napari_scsam.project.project import CLASSES, Project


@pytest.fixture
def one(fake_engine, info, stack, tmp_path):
    """A project in a viewer without a window."""
    viewer = ViewerModel()
    session = Session(viewer, fake_engine, AtOnce)
    (tmp_path / "tiny.safetensors").write_text("tiny")
    session.choices.choose_checkpoint(replace(info, path=tmp_path / "tiny.safetensors"))
    image = viewer.add_image(stack, name="cell")
    session.choices.choose_image(image)
    keeper = session.part(ProjectKeeper)
    keeper.new(str(tmp_path / "mine"))
    keeper.saver.stop()  # it saves when a test says so
    yield SimpleNamespace(
        viewer=viewer,
        session=session,
        image=image,
        keeper=keeper,
        saver=keeper.saver,
        project=keeper.project,
    )
    keeper.close()


def on_disk(one) -> dict:
    return json.loads((one.project.path / "zarr.json").read_text())["attributes"]


def test_the_history_is_written_by_the_next_save_and_once(one):
    count = len(one.project.record.history)
    one.saver.log("segmented", slice=3)
    assert len(one.project.record.history) == count
    one.saver.save()
    one.saver.save()
    added = one.project.record.history[count:]
    assert [(entry["what"], entry["slice"]) for entry in added] == [("segmented", 3)]


def test_the_look_of_the_window_and_the_typed_size_are_written(one):
    one.keeper.labels.opacity = 0.375
    one.session.choices.type_voxel_size((50.0, 9.0, 9.0))
    one.saver.save()
    (described,) = described_labels(one.project)
    assert described["state"]["opacity"] == 0.375
    assert tuple(one.project.record.voxel_size) == (50.0, 9.0, 9.0)
    assert "0.375" in json.dumps(on_disk(one))


def test_where_the_window_looks_in_another_image_is_not_written(one):
    one.saver.save()
    before = one.project.record.view["camera"]
    one.session.choices.choose_image(one.viewer.add_image(np.zeros((2, 9, 9)), name="another"))
    camera_of(one.viewer).zoom *= 7
    one.saver.save()
    assert one.project.record.view["camera"] == before
    one.session.choices.choose_image(one.image)
    one.saver.save()
    assert one.project.record.view["camera"] != before


def test_a_removed_labels_layer_keeps_its_look(one):
    one.keeper.labels.opacity = 0.375
    one.saver.save()
    one.viewer.layers.remove(one.keeper.labels)
    one.saver.save()
    one.saver.save()
    (described,) = described_labels(one.project)
    assert described["state"]["opacity"] == 0.375


def test_without_its_image_the_look_of_the_window_is_not_written(one):
    one.saver.save()
    before = one.project.record.view
    one.viewer.layers.remove(one.image)
    one.keeper.labels.opacity = 0.125
    one.saver.log("painted")
    one.saver.save()
    assert one.project.record.view == before
    assert one.project.record.history[-1]["what"] == "painted"


def test_a_new_labels_layer_is_stored_when_it_is_added(one):
    layer = one.viewer.add_labels(np.ones(one.image.data.shape, np.uint8), name="cells")
    assert "cells" in one.project.label_names
    assert layer.data is one.project.array("cells")


def test_it_says_whether_everything_is_on_disk(one):
    heard = []
    one.saver.changed.connect(lambda: heard.append(one.saver.state))
    one.project.flush()
    one.saver.save()
    assert one.saver.state == "All is saved."
    heard.clear()
    one.saver.save()
    assert heard == [], "nothing changed"


def test_a_disk_that_takes_no_more_is_told_once(one, monkeypatch):
    array = one.project.array(CLASSES)
    one.project.flush()
    notification_manager.records.clear()
    monkeypatch.setattr(type(array), "trouble", OSError("disk full"))
    one.saver.save()
    one.saver.save()
    assert one.saver.state == "NOT SAVED: disk full. It is tried again."
    assert len(notification_manager.records) == 1
    assert "'mine.scsam.zarr' cannot be written (disk full)" in str(
        notification_manager.records[0].message
    )
    monkeypatch.undo()
    one.saver.save()
    assert one.saver.state == "All is saved."


def test_it_saves_twice_a_second_until_it_is_stopped(one, wait):
    one.saver.start()
    one.saver.log("first")
    wait(lambda: one.project.record.history[-1]["what"] == "first", 3000)
    one.saver.stop()
    one.saver.log("second")
    assert not one.saver._timer.is_active()
    assert one.project.record.history[-1]["what"] == "first"


def test_what_is_saved_is_there_when_it_is_opened_again(one):
    one.keeper.labels.opacity = 0.375
    one.saver.log("painted", slice=2)
    one.saver.save()
    path = one.project.path
    one.keeper.close()
    again = Project(path)
    assert described_labels(again)[0]["state"]["opacity"] == 0.375
    assert any(entry["what"] == "painted" for entry in again.record.history)
    again.close()
