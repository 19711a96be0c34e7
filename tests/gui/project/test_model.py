"""Classes that were taught stay with the project, and come back with the checkpoint that was taught them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from at_once import AtOnce
from napari.components import ViewerModel

from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.gui.project import model as project_model
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.model import ProjectModel
from napari_scsam.gui.session import Session
from napari_scsam.io.contrast import Contrast

GRANULE = TaughtClass(ClassSpec(4, "granule", "#123456"), (0.5, -0.25))
DROPLET = TaughtClass(ClassSpec(4, "droplet"), (1.0, 0.0))


@pytest.fixture
def infos(info, tmp_path):
    """Two checkpoints with files of their own."""
    made = [
        replace(info, name=name, path=tmp_path / f"{name}.safetensors")
        for name in ("tiny", "other")
    ]
    for one in made:
        one.path.write_text(one.name)
    return made


@pytest.fixture
def begin(fake_engine, infos, stack, monkeypatch):
    """A session without a window, where everything happens at once."""
    monkeypatch.setattr(project_model, "list_checkpoints", lambda: infos)

    def start(image=None):
        viewer = ViewerModel()
        session = Session(viewer, fake_engine, AtOnce)
        keeper = session.part(ProjectKeeper)
        session.part(ProjectModel)
        session.choose_checkpoint(infos[0])
        if image is not None:
            session.choose_image(viewer.add_image(image))
        return SimpleNamespace(viewer=viewer, session=session, keeper=keeper)

    return start


def teach(one, taught: TaughtClass) -> None:
    """What `Prompting` does when the network has learned a class."""
    one.session.taught = (*one.session.taught, taught)
    one.session.checkpoint_changed.emit()


@pytest.fixture
def taught(begin, stack, tmp_path):
    """A project whose network was taught a class."""
    one = begin(stack)
    one.keeper.new(str(tmp_path / "mine"))
    teach(one, GRANULE)
    return one


def reopen(one, begin, path):
    one.keeper.close()
    two = begin()
    two.keeper.open(str(path))
    assert two.keeper.project is not None
    return two


def test_a_taught_class_is_there_again(taught, begin, tmp_path, fake_engine, classes):
    two = reopen(taught, begin, tmp_path / "mine.scsam.zarr")
    assert two.session.classes == (*classes, GRANULE.spec)
    assert two.session.chosen == two.session.classes, "all classes are all classes"
    assert fake_engine.predictor.recalled == (GRANULE,)


def test_the_class_chosen_and_its_threshold_are_there_again(taught, begin, tmp_path, classes):
    taught.session.threshold_offsets["granule"] = 0.7
    taught.session.choose_classes((GRANULE.spec,))
    two = reopen(taught, begin, tmp_path / "mine.scsam.zarr")
    assert two.session.chosen == (GRANULE.spec,)
    assert two.session.threshold_offsets == {"granule": 0.7}
    two.session.choose_classes(two.session.classes)
    three = reopen(two, begin, tmp_path / "mine.scsam.zarr")
    assert three.session.chosen == (*classes, GRANULE.spec)
    assert three.session.threshold_offsets == {"granule": 0.7}


def test_switches_are_as_they_were(taught, begin, tmp_path):
    taught.session.replace_edits_too(True)
    taught.session.embed_neighbours_too(False)
    taught.session.set_tta(True)
    two = reopen(taught, begin, tmp_path / "mine.scsam.zarr")
    assert two.session.replace_edits
    assert not two.session.prefetch
    assert two.session.tta
    project = two.keeper.project
    project.update(chosen={"classes": None, "thresholds": {}})  # as older versions wrote it
    three = reopen(two, begin, tmp_path / "mine.scsam.zarr")
    assert not three.session.replace_edits
    assert three.session.prefetch
    assert not three.session.tta


def test_another_checkpoint_does_not_know_it_and_forgets_nothing(
    taught, begin, tmp_path, infos, classes
):
    taught.session.choose_checkpoint(infos[1])
    assert taught.session.classes == classes
    teach(taught, DROPLET)
    two = reopen(taught, begin, tmp_path / "mine.scsam.zarr")
    assert two.session.checkpoint == infos[1], "the checkpoint that was used last"
    assert two.session.taught == (DROPLET,)
    two.session.choose_checkpoint(infos[0])
    assert two.session.taught == (GRANULE,)


def test_a_class_taught_before_the_project_is_made_goes_into_it(begin, stack, tmp_path):
    one = begin(stack)
    teach(one, GRANULE)
    one.keeper.new(str(tmp_path / "late"))
    assert one.session.taught == (GRANULE,)
    assert reopen(one, begin, tmp_path / "late.scsam.zarr").session.taught == (GRANULE,)


def test_picking_the_same_checkpoint_again_keeps_what_it_was_taught(taught, infos):
    taught.session.choose_checkpoint(infos[0])
    assert taught.session.taught == (GRANULE,)


def test_the_contrast_as_shown_is_kept(taught, begin, tmp_path):
    measured = dict(taught.keeper.project.record.contrast)
    assert measured
    taught.session.image.contrast_limits = (50, 99)
    taught.session.take_contrast_as_shown(True)
    two = reopen(taught, begin, tmp_path / "mine.scsam.zarr")
    assert two.session.contrast == Contrast(50.0, 99.0)
    assert two.keeper.project.record.contrast == {**measured, "shown": {"low": 50.0, "high": 99.0}}
    two.session.take_contrast_as_shown(False)
    assert two.keeper.project.record.contrast == measured
