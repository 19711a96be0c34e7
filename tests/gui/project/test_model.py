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
from napari_scsam.gui.tools.segment import Segmenting
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
        session.choices.choose_checkpoint(infos[0])
        if image is not None:
            session.choices.choose_image(viewer.add_image(image))
        return SimpleNamespace(viewer=viewer, session=session, keeper=keeper)

    return start


def teach(one, taught: TaughtClass) -> None:
    """What `Prompting` does when the network has learned a class."""
    one.session.choices.taught = (*one.session.choices.taught, taught)
    one.session.choices.checkpoint_changed.emit()


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
    assert two.session.choices.classes == (*classes, GRANULE.spec)
    assert two.session.choices.chosen == two.session.choices.classes, "all classes are all classes"
    assert fake_engine.predictor.recalled == (GRANULE,)


def test_the_class_chosen_and_its_threshold_are_there_again(taught, begin, tmp_path, classes):
    taught.session.choices.threshold_offsets["granule"] = 0.7
    taught.session.part(Segmenting).choose_classes((GRANULE.spec,))
    two = reopen(taught, begin, tmp_path / "mine.scsam.zarr")
    assert two.session.choices.chosen == (GRANULE.spec,)
    assert two.session.choices.threshold_offsets == {"granule": 0.7}
    two.session.part(Segmenting).choose_classes(two.session.choices.classes)
    three = reopen(two, begin, tmp_path / "mine.scsam.zarr")
    assert three.session.choices.chosen == (*classes, GRANULE.spec)
    assert three.session.choices.threshold_offsets == {"granule": 0.7}


def test_switches_are_as_they_were(taught, begin, tmp_path):
    taught.session.choices.set_replace_edits(True)
    taught.session.part(Segmenting).set_prefetch(False)
    taught.session.choices.set_tta(True)
    two = reopen(taught, begin, tmp_path / "mine.scsam.zarr")
    assert two.session.choices.replace_edits
    assert not two.session.choices.prefetch
    assert two.session.choices.tta
    project = two.keeper.project
    project.update(chosen={"classes": None, "thresholds": {}})  # as older versions wrote it
    three = reopen(two, begin, tmp_path / "mine.scsam.zarr")
    assert not three.session.choices.replace_edits
    assert three.session.choices.prefetch
    assert not three.session.choices.tta


def test_another_checkpoint_does_not_know_it_and_forgets_nothing(
    taught, begin, tmp_path, infos, classes
):
    taught.session.choices.choose_checkpoint(infos[1])
    assert taught.session.choices.classes == classes
    teach(taught, DROPLET)
    two = reopen(taught, begin, tmp_path / "mine.scsam.zarr")
    assert two.session.choices.checkpoint == infos[1], "the checkpoint that was used last"
    assert two.session.choices.taught == (DROPLET,)
    two.session.choices.choose_checkpoint(infos[0])
    assert two.session.choices.taught == (GRANULE,)


def test_a_class_taught_before_the_project_is_made_goes_into_it(begin, stack, tmp_path):
    one = begin(stack)
    teach(one, GRANULE)
    one.keeper.new(str(tmp_path / "late"))
    assert one.session.choices.taught == (GRANULE,)
    assert reopen(one, begin, tmp_path / "late.scsam.zarr").session.choices.taught == (GRANULE,)


def test_picking_the_same_checkpoint_again_keeps_what_it_was_taught(taught, infos):
    taught.session.choices.choose_checkpoint(infos[0])
    assert taught.session.choices.taught == (GRANULE,)


def test_the_contrast_as_shown_is_kept(taught, begin, tmp_path):
    measured = dict(taught.keeper.project.record.contrast)
    assert measured
    taught.session.choices.image.contrast_limits = (50, 99)
    taught.session.choices.take_contrast_as_shown(True)
    two = reopen(taught, begin, tmp_path / "mine.scsam.zarr")
    assert two.session.choices.contrast == Contrast(50.0, 99.0)
    assert two.keeper.project.record.contrast == {**measured, "shown": {"low": 50.0, "high": 99.0}}
    two.session.choices.take_contrast_as_shown(False)
    assert two.keeper.project.record.contrast == measured


def test_a_project_used_with_a_server_opens_where_the_server_is_away(begin, stack, tmp_path):
    one = begin(stack)
    one.session.network.line = SimpleNamespace(address="wss://gpu.lab.org", leave=lambda: None)
    one.keeper.new(str(tmp_path / "mine"))
    teach(one, GRANULE)
    path = one.keeper.project.path
    assert one.keeper.project.record.checkpoint["server"] == "wss://gpu.lab.org"
    one.keeper.close()
    two = begin()
    said: list[str] = []
    two.session.status.connect(said.append)
    two.keeper.open(str(path))
    assert two.keeper.project is not None
    assert [known.spec.name for known in two.session.choices.taught] == ["granule"]
    assert any("wss://gpu.lab.org" in sentence and "Server …" in sentence for sentence in said)
