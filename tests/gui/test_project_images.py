"""A project belongs to its own image; other images in the window have nothing to do with it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.model import ProjectModel
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.io.saved.saved_array import SavedArray
from napari_scsam.project.project import Project


@pytest.fixture
def one(fake_engine, info, stack, tmp_path):
    """A window with a project for an image."""
    viewer = ViewerModel()
    session = Session(viewer, fake_engine, AtOnce)
    keeper = session.part(ProjectKeeper)
    session.part(ProjectModel)
    session.choices.choose_checkpoint(info)
    image = viewer.add_image(stack, name="mine")
    session.choices.choose_image(image)
    keeper.new(str(tmp_path / "mine"))
    assert keeper.project is not None
    return SimpleNamespace(
        viewer=viewer,
        session=session,
        keeper=keeper,
        image=image,
        path=tmp_path / "mine.scsam.zarr",
    )


@pytest.fixture(params=["another size", "the same size"])
def other(request, stack) -> np.ndarray:
    return stack[:2, :40, :56] if request.param == "another size" else 255 - stack


def segment(one, image):
    one.session.choices.choose_image(image)
    one.session.part(Segmenting).segment()
    return one.session.labels


@pytest.mark.parametrize("cleared", [False, True])
def test_labels_of_another_image_stay_out_of_the_project(one, other, cleared):
    if cleared:
        one.viewer.layers.clear()
    second = one.viewer.add_image(other)
    labels = segment(one, second)
    count = len(one.viewer.layers)
    for spec in one.session.choices.classes:
        one.session.part(Segmenting).choose_classes((spec,))
        one.keeper.saver.save()
    assert one.session.labels is labels
    assert len(one.viewer.layers) == count, "one layer for all classes"
    assert isinstance(labels.data, np.ndarray)
    assert labels.data.shape == other.shape
    assert labels.data.any()
    assert one.keeper.saver.state == "All is saved."
    assert one.keeper.project.label_names == ("classes",)
    one.viewer.layers.remove(second)
    one.keeper.saver.save()
    assert one.keeper.project.label_names == ("classes",), "also when its image is gone"
    one.keeper.close()
    assert not Project(one.path).array("classes")[...].any()


def test_the_project_is_saved_while_another_image_is_chosen(one, other):
    one.session.choices.type_voxel_size((40.0, 8.0, 8.0))
    one.keeper.saver.save()
    one.session.choices.choose_image(one.viewer.add_image(other))
    one.session.choices.type_voxel_size((1.0, 1.0, 1.0))
    one.keeper.labels.data_setitem((np.array([1]), np.array([2]), np.array([3])), np.array([2]))
    extra = one.viewer.add_labels(np.zeros(one.image.data.shape, np.uint8), name="cells")
    one.image.name = "renamed"
    one.keeper.saver.save()
    assert isinstance(extra.data, SavedArray)
    one.keeper.close()
    again = Project(one.path)
    assert again.array("classes")[1, 2, 3] == 2
    assert again.record.voxel_size == (40.0, 8.0, 8.0)
    assert again.record.view["layers"][0]["state"]["name"] == "renamed"


def test_another_image_is_not_protected_by_the_review_of_the_project(one, other):
    reviewing = one.session.part(Reviewing)
    one.keeper.project.reviewed[...] = 1
    second = one.viewer.add_image(other)
    assert segment(one, second).data.any()
    notification_manager.records.clear()
    one.keeper.project.reviewed[...] = 0
    reviewing.mark_slice()
    assert "is not the image of this project" in notification_manager.records[-1].message
    assert not one.keeper.project.reviewed[...].any()
    segment(one, one.image)
    reviewing.mark_slice()
    assert one.keeper.project.reviewed[...].any()


def test_its_image_opened_again_is_known_and_goes_on_in_the_project(one, stack, other):
    one.session.choices.type_voxel_size((40.0, 8.0, 8.0))
    one.keeper.saver.save()
    one.viewer.layers.clear()
    segment(one, one.viewer.add_image(other))
    labels = segment(one, one.viewer.add_image(stack))
    assert labels is one.keeper.labels
    one.keeper.saver.save()
    assert one.keeper.project.record.voxel_size == (40.0, 8.0, 8.0)
    one.keeper.close()
    again = Project(one.path)
    assert again.array("classes")[...].any()
    assert again.predicted[...].any(), "what the model wrote is known"


def test_a_project_for_another_image_leaves_the_first_one_alone(one, other, tmp_path):
    one.keeper.labels.data_setitem((np.array([1]), np.array([2]), np.array([3])), np.array([2]))
    one.viewer.add_labels(np.ones(one.image.data.shape, np.uint8), name="cells")
    one.session.choices.choose_image(one.viewer.add_image(other))
    one.keeper.new(str(tmp_path / "second"))
    assert one.keeper.project.label_names == ("classes",)
    assert one.keeper.image is one.session.choices.image
    segment(one, one.session.choices.image)
    first = Project(one.path)
    assert first.label_names == ("classes", "cells")
    assert np.count_nonzero(first.array("classes")[...]) == 1
    assert {d["of"] for d in first.record.view["layers"]} == {"image", "classes", "cells"}


def test_a_project_that_cannot_be_written_is_told_and_another_one_opens(one, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_scsam.io.saved.saved_chunks.RETRY", 0.1)
    one.keeper.save_as(str(tmp_path / "copy"))
    broken, chunks = one.keeper.project, one.keeper.labels.data._memory
    stored = chunks.stored

    class Broken:
        shape, store_path = stored.shape, stored.store_path
        __getitem__ = stored.__getitem__

        def __setitem__(self, key, value) -> None:
            raise ValueError("could not broadcast")

    chunks.stored = Broken()
    one.keeper.labels.data_setitem((np.array([1]), np.array([2]), np.array([3])), np.array([2]))
    notification_manager.records.clear()
    one.keeper.open(str(one.path))
    assert one.keeper.project.path == one.path
    assert (
        "'copy.scsam.zarr' cannot be written (could not broadcast)"
        in notification_manager.records[-1].message
    )
    with pytest.raises(ValueError, match="another window"):
        Project(tmp_path / "copy.scsam.zarr")
    chunks.stored = stored
    broken.flush()
    again = Project(tmp_path / "copy.scsam.zarr")
    assert again.array("classes")[1, 2, 3] == 2
