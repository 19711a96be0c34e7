"""The dock is closed and opened again, with the viewer and its layers staying: the project is there as before."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel

from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.model import ProjectModel
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.project.project import Project
from napari_scsam.project.review import Outlines

GRANULE = TaughtClass(ClassSpec(4, "granule", "#123456"), (0.5, -0.25))


@pytest.fixture
def dock(fake_engine):
    """Open a dock on a viewer."""

    def begin(viewer):
        session = Session(viewer, fake_engine, AtOnce)
        session.attach()
        keeper = session.part(ProjectKeeper)
        return SimpleNamespace(
            session=session,
            keeper=keeper,
            model=session.part(ProjectModel),
            reviewing=session.part(Reviewing),
        )

    return begin


@pytest.fixture
def viewer(stack) -> ViewerModel:
    viewer = ViewerModel()
    viewer.add_image(stack, name="mine")
    return viewer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mine.scsam.zarr"


@pytest.fixture
def one(dock, viewer, info, path):
    """A dock with a project, a taught class, and slice 1 reviewed."""
    one = dock(viewer)
    (path.parent / "tiny.safetensors").write_text("tiny")
    one.session.choices.choose_checkpoint(replace(info, path=path.parent / "tiny.safetensors"))
    one.session.choices.choose_image(viewer.layers["mine"])
    one.keeper.new(str(path))
    one.session.choices.type_voxel_size((40.0, 8.0, 8.0))
    one.session.choices.taught = (GRANULE,)
    one.session.choices.checkpoint_changed.emit()
    viewer.dims.set_current_step(0, 1)
    one.reviewing.mark_slice()
    return one


def test_the_project_is_open_as_before(one, dock, viewer, path):
    one.session.choices.threshold_offsets["granule"] = 0.7
    one.session.part(Segmenting).choose_classes((GRANULE.spec,))
    one.session.choices.set_replace_edits(True)
    one.session.part(Segmenting).set_prefetch(False)
    before, layer = [*viewer.layers], one.keeper.labels
    one.session.detach()
    two = dock(viewer)
    assert two.keeper.project.path == path
    assert [*viewer.layers] == before, "the outlines of what is reviewed, too"
    assert isinstance(two.reviewing.outlines.data, Outlines)
    assert two.keeper.labels is layer
    assert two.session.choices.image is viewer.layers["mine"]
    assert two.session.choices.voxel_size == (40.0, 8.0, 8.0)
    assert two.session.choices.checkpoint == one.session.choices.checkpoint
    assert two.session.choices.taught == (GRANULE,)
    assert two.session.choices.chosen == (GRANULE.spec,)
    assert two.session.choices.threshold_offsets == {"granule": 0.7}
    assert (two.session.choices.replace_edits, two.session.choices.prefetch) == (True, False)
    assert two.reviewing.slices[1].reviewed == two.reviewing.slices[1].size
    assert two.keeper.saver.state in ("Saving …", "All is saved.")


def test_what_is_reviewed_and_what_the_user_painted_stays(one, dock, viewer, path):
    viewer.dims.set_current_step(0, 2)
    one.session.part(Segmenting).segment()
    one.session.detach()
    layer = one_labels = viewer.layers["mine organelles"]
    one_labels.data_setitem((np.array([2]), np.array([0]), np.array([0])), np.array([9]))
    two = dock(viewer)
    for z in (1, 2):
        viewer.dims.set_current_step(0, z)
        two.session.part(Segmenting).segment()
    assert not np.asarray(layer.data[1]).any()
    assert layer.data[2, 0, 0] == 9
    two.session.part(Segmenting).choose_classes(two.session.choices.classes[:1])
    assert two.session.labels is layer
    two.keeper.close()
    again = Project(path)
    assert again.array("classes")[2, 0, 0] == 9
    assert again.predicted[2].any()


def test_nobody_else_opens_it_while_its_labels_are_shown(one, dock, viewer, path):
    layer = one.keeper.labels
    one.session.detach()
    with pytest.raises(ValueError, match="another window"):
        Project(path)
    layer.data_setitem((np.array([2]), np.array([0]), np.array([0])), np.array([2]))
    viewer.layers.remove(layer)
    again = Project(path)
    assert again.array("classes")[2, 0, 0] == 2
    again.close()
    assert dock(viewer).keeper.project is None


def test_a_window_that_closes_lets_go_at_once(one, viewer, path):
    one.session.detach(window_is_gone=True)
    assert len(viewer.layers) == 3
    Project(path).close()


def test_again_and_again(one, dock, viewer, path):
    for _ in range(3):
        one.session.detach()
        one = dock(viewer)
        assert one.keeper.project.path == path
        assert one.session.choices.taught == (GRANULE,)
    one.keeper.close()
    Project(path).close()


def test_labels_of_another_image_stay_out_of_it(one, dock, viewer, stack):
    second = viewer.add_image(255 - stack, name="second")
    one.session.choices.choose_image(second)
    one.session.part(Segmenting).segment()
    one.session.detach()
    two = dock(viewer)
    assert two.session.choices.image is viewer.layers["mine"]
    assert two.keeper.project.label_names == ("classes",)
    assert isinstance(viewer.layers["second organelles"].data, np.ndarray)


def test_its_image_opened_again_meanwhile_is_known(one, dock, viewer, stack):
    one.session.detach()
    viewer.layers.remove("mine")
    again = viewer.add_image(stack)
    viewer.add_image(255 - stack)
    two = dock(viewer)
    assert two.session.choices.image is again
    two.session.part(Segmenting).segment()
    assert two.session.labels is two.keeper.labels
