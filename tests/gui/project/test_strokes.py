"""Strokes stay with the image they were drawn on, and with its project."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from discs import DISCS, MIDDLE, PLACE
from napari.components import ViewerModel
from napari.layers import Image

from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.project import model as project_model
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.strokes import StrokeStore
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.teach import Teaching
from napari_scsam.project.project import Project


@pytest.fixture
def begin(fake_engine, predictor, info, tmp_path, monkeypatch):
    """Open a viewer without a window, where everything happens at once."""
    info = info.__class__(**{**vars(info), "classes": predictor.classes, "path": tmp_path / "tiny"})
    info.path.write_text("tiny")
    monkeypatch.setattr(project_model, "list_checkpoints", lambda: [info])

    def start(*, image: bool = True):
        viewer = ViewerModel()
        session = Session(viewer, fake_engine, AtOnce)
        fake_engine.predictor = predictor
        one = SimpleNamespace(viewer=viewer, session=session, predictor=predictor)
        one.keeper = session.part(ProjectKeeper)
        one.teaching = session.part(Teaching)
        one.store = session.part(StrokeStore)
        session.choices.choose_checkpoint(info)
        if image:
            session.choices.choose_image(viewer.add_layer(Image(DISCS, name="cell", **PLACE)))
            viewer.dims.set_current_step(0, MIDDLE)
        return one

    return start


def stroke(one, z: int = MIDDLE) -> None:
    strokes = one.teaching.strokes
    with strokes.layer.block_history():
        strokes.layer.paint((z, 60, 95), strokes.layer.selected_label)


def test_strokes_in_memory_move_into_a_project(begin, tmp_path):
    one = begin()
    one.teaching.start("granule")
    stroke(one)
    one.keeper.new(str(tmp_path / "mine"))
    assert one.teaching.strokes is None, "the layer showed the strokes in memory"
    assert [key.title for key in one.keeper.project.stroke_keys()] == ["granule"]
    one.teaching.start("granule")
    stroke(one, MIDDLE + 1)
    one.keeper.close()
    two = begin(image=False)
    two.keeper.open(str(tmp_path / "mine.scsam.zarr"))
    assert two.store.names() == ("granule",)
    assert [plane.position for plane in two.store.planes("granule")] == [MIDDLE, MIDDLE + 1]
    assert [known.spec.name for known in two.session.choices.taught] == ["granule"]
    assert two.session.jobs.worker.kinds.count(Job.TEACH) == 0, "the project knows what it learned"


def test_the_first_stroke_of_a_reopened_project_learns_from_all_slices(
    begin, tmp_path, monkeypatch
):
    one = begin()
    one.keeper.new(str(tmp_path / "mine"))
    one.teaching.start("granule")
    stroke(one)
    one.keeper.close()
    two = begin(image=False)
    two.keeper.open(str(tmp_path / "mine.scsam.zarr"))
    learned = []
    teach = type(two.predictor).teach

    def watched(self, spec, on, beside, **options):
        learned.append(int(on.sum()))
        return teach(self, spec, on, beside, **options)

    monkeypatch.setattr(type(two.predictor), "teach", watched)
    two.viewer.dims.set_current_step(0, MIDDLE + 1)
    two.teaching.start("granule")
    stroke(two, MIDDLE + 1)
    assert len(learned) == 2
    stroke(two, MIDDLE + 1)
    assert len(learned) == 2, "nothing new was painted"
    two.viewer.dims.set_current_step(0, MIDDLE)
    with two.teaching.strokes.layer.block_history():
        two.teaching.strokes.layer.paint((MIDDLE, 70, 95), 1)
    assert len(learned) == 3, "from now on, a stroke is learned on its own slice"
    two.keeper.close()


def test_a_forgotten_class_has_no_strokes_in_the_project(begin, tmp_path):
    one = begin()
    one.keeper.new(str(tmp_path / "mine"))
    one.teaching.start("granule")
    stroke(one)
    one.teaching.forget("granule")
    assert one.store.names() == ()
    one.keeper.close()
    two = begin(image=False)
    two.keeper.open(str(tmp_path / "mine.scsam.zarr"))
    assert two.store.names() == ()
    assert two.session.choices.taught == ()
    keys = two.store.keys()
    assert not any(np.asarray(two.store.array(key)).any() for key in keys)


def test_strokes_that_no_checkpoint_learned_are_learned_when_the_project_opens(begin, tmp_path):
    one = begin()
    one.keeper.new(str(tmp_path / "mine"))
    one.teaching.start("granule")
    stroke(one)
    one.keeper.close()
    project = Project(tmp_path / "mine.scsam.zarr")
    project.update(taught=())
    project.close()
    two = begin(image=False)
    two.keeper.open(str(tmp_path / "mine.scsam.zarr"))
    assert [known.spec.name for known in two.session.choices.taught] == ["granule"]
    assert two.session.jobs.worker.kinds.count(Job.TEACH) == 1
