"""What the model wrote before there was a project is the model's in the project, too."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Labels

from napari_scsam.gui.layers.class_table import show_classes
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.project.project import Project, file_hash
from napari_scsam.project.training_set import export_training_set


@pytest.fixture
def begin(fake_engine, info, tmp_path):
    """A session without a window, where everything happens at once."""
    tiny = replace(info, path=tmp_path / "tiny.safetensors")
    tiny.path.write_text("tiny")

    def start(image=None):
        viewer = ViewerModel()
        session = Session(viewer, fake_engine, AtOnce)
        keeper, reviewing = session.part(ProjectKeeper), session.part(Reviewing)
        session.choices.choose_checkpoint(tiny)
        if image is not None:
            session.choices.choose_image(viewer.add_image(image))
            viewer.dims.set_current_step(0, 1)
        return SimpleNamespace(viewer=viewer, session=session, keeper=keeper, reviewing=reviewing)

    return start


def reopened(one, begin, path):
    one.keeper.close()
    two = begin()
    two.keeper.open(str(path))
    two.viewer.dims.set_current_step(0, 1)
    return two


def make(one, path) -> Project:
    one.keeper.new(str(path))
    one.reviewing.mark_slice()
    return one.keeper.project


def test_what_was_segmented_before_the_project_is_told_from_what_was_painted(
    begin, stack, classes, tmp_path
):
    one = begin(stack)
    one.session.part(Segmenting).choose_classes(classes[:1])
    one.session.part(Segmenting).segment()
    labels = one.session.labels
    found = labels.data[1] == 1
    labels.data_setitem((np.ones(9, int), *[i[:9] for i in np.nonzero(~found)]), 1)
    project = make(one, tmp_path / "mine.scsam.zarr")
    np.testing.assert_array_equal(project.predicted[1] == 1, found)
    list(export_training_set(project, tmp_path / "set"))
    origin = json.loads((tmp_path / "set" / "provenance.json").read_text())
    count = int(found.sum())
    assert origin["slices"]["1"]["classes"]["mitochondrion"] == {
        "predicted": count,
        "corrected": count + 9,
        "kept": count,
        "added": 9,
        "removed": 0,
    }
    assert origin["checkpoints"] == [
        {"name": "tiny", "sha256": file_hash(tmp_path / "tiny.safetensors")}
    ]
    (segmented,) = [entry for entry in origin["history"] if entry["what"] == "segmented"]
    assert (segmented["axis"], segmented["slice"], segmented["classes"]) == (0, 1, [1])
    assert segmented["when"] <= origin["history"][0]["when"], "when it was done"


def test_after_reopening_the_model_may_change_it(begin, stack, classes, tmp_path):
    one = begin(stack)
    one.session.part(Segmenting).choose_classes(classes[:1])
    one.session.part(Segmenting).segment()
    one.keeper.new(str(tmp_path / "mine"))
    two = reopened(one, begin, tmp_path / "mine.scsam.zarr")
    two.session.part(Segmenting).choose_classes(classes)
    two.session.choices.image.data = 255 - np.asarray(two.session.choices.image.data)
    two.session.part(Segmenting).segment()
    said = two.session.engine.predictor.image
    assert np.array_equal(
        np.asarray(two.session.labels.data)[1] == 1, said <= np.quantile(said, 1 / 3)
    ), "no pixel is taken for the user's"


def test_a_project_made_of_the_labels_of_another_knows_it(begin, stack, classes, tmp_path):
    one = begin(stack)
    one.keeper.new(str(tmp_path / "first"))
    one.session.part(Segmenting).segment()
    one = reopened(one, begin, tmp_path / "first.scsam.zarr")
    before = np.array(one.session.labels.data)
    project = make(one, tmp_path / "second.scsam.zarr")
    np.testing.assert_array_equal(project.predicted[...], before)
    assert [
        entry["checkpoint"]["name"]
        for entry in project.record.history
        if entry["what"] == "segmented"
    ] == ["tiny"]


def test_labels_of_another_type_are_still_known(begin, stack, classes, tmp_path):
    one = begin(stack)
    layer = Labels(np.zeros(stack.shape, np.int32), name="mine")
    show_classes(layer, classes)
    one.viewer.add_layer(layer)
    one.session.part(Segmenting).segment()
    assert one.session.labels is layer
    project = make(one, tmp_path / "mine.scsam.zarr")
    assert project.predicted.dtype == np.uint8
    np.testing.assert_array_equal(project.predicted[1], np.asarray(layer.data)[1])
    one.reviewing.mark_slice()
    one.session.part(Segmenting).choose_classes(classes[:1])
    assert (np.asarray(layer.data)[1] == 1).any()
