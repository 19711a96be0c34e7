from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Labels

from napari_scsam.config import ClassSpec
from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, show_classes
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.project_layers import IMAGE_LAYER, ProjectLayers, free_name
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.undo import Undoing
from napari_scsam.project.project import CLASSES


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
    project = keeper.project
    assert project is not None
    layers: ProjectLayers = keeper.saver._layers
    yield SimpleNamespace(
        viewer=viewer, session=session, image=image, project=project, layers=layers
    )
    keeper.close()


def add(one, name="cells", **options) -> Labels:
    values = np.arange(one.image.data.size).reshape(one.image.data.shape) % 300
    return one.viewer.add_labels(values, name=name, **options)


def test_image_and_class_labels_are_known_by_their_names(one):
    assert one.layers.image is one.image
    assert one.layers.name_of(one.image) == IMAGE_LAYER
    assert one.layers.name_of(one.layers.labels) == CLASSES
    assert one.layers.name_of(one.viewer.add_points(ndim=3)) is None


def test_a_new_labels_layer_is_stored_once(one):
    layer = add(one, "cells 2!")
    values = np.array(layer.data)
    one.layers.keep()
    one.layers.keep()
    assert one.layers.name_of(layer) == "cells_2_"
    assert one.project.label_names.count("cells_2_") == 1
    assert layer.data is one.project.array("cells_2_")
    assert layer.data.dtype == np.uint16, "299 needs no more"
    np.testing.assert_array_equal(layer.data[...], values)


def test_layers_that_are_not_of_the_image_are_not_stored(one):
    stored = one.project.label_names
    add(one, "shown", metadata={NOT_KEPT_KEY: True})
    add(one, "moved", translate=(1, 0, 0))
    other = one.viewer.add_image(255 - one.image.data)
    values = np.zeros(one.image.data.shape, np.uint8)
    foreign = Labels(values, name="foreign")
    one.session.outputs.belongs(foreign, other)
    one.viewer.add_layer(foreign)
    one.layers.keep()
    assert one.project.label_names == stored
    assert foreign.data is values


def test_a_changed_class_table_is_stored(one):
    labels = one.layers.labels
    granule = ClassSpec(9, "granule", "#123456")
    show_classes(labels, [granule])
    one.layers.keep()
    assert granule in one.project.class_table(CLASSES)


def test_names_of_label_images_are_free_and_fit_for_files(one):
    assert free_name(one.project, "My cells/α") == "My_cells_α"
    assert free_name(one.project, "") == "labels"
    assert free_name(one.project, "a-b_c") == "a-b_c"
    assert free_name(one.project, CLASSES) == "classes_2"
    assert free_name(one.project, "reviewed") == "reviewed_2"
    assert free_name(one.project, "predicted") == "predicted_2"
    one.project.add_labels("classes_2", np.uint8, ())
    assert free_name(one.project, CLASSES) == "classes_3"


def test_a_removed_image_is_found_in_another_layer(one):
    grey = one.image.data.copy()
    one.project.update(voxel_size=(40.0, 8.0, 8.0))
    one.viewer.layers.remove(one.image)
    assert one.layers.image is None
    one.viewer.add_image(255 - grey)
    assert not one.layers.find_image()
    again = one.viewer.add_image(grey)  # the keeper looks at once
    assert one.layers.image is again
    assert one.layers.name_of(one.image) is None
    assert one.session.choices.typed_voxel_size(again) == (40.0, 8.0, 8.0)
    assert not one.layers.find_image(), "there is nothing to find any more"


def test_the_layer_is_shown_again_after_it_was_removed(one):
    labels = one.layers.labels
    labels.data_setitem((np.array([1]), np.array([2]), np.array([3])), np.array([2]))
    one.viewer.layers.remove(labels)
    assert one.layers.labels is None
    one.layers.add(CLASSES, {"state": {"opacity": 0.125}})
    again = one.layers.labels
    assert again is not labels
    assert again.data[1, 2, 3] == 2
    assert again.opacity == 0.125
    assert one.session.outputs.layer_of(one.image) is again


def test_only_what_the_model_wrote_into_the_class_labels_is_remembered(one):
    output = one.layers.use(one.layers.labels)
    plane = Plane(0, 1)
    found = np.zeros(one.image.data.shape[1:], np.uint8)
    found[4:9, 6:20] = 1
    for _ in output.write_steps(plane, found, [1, 2, 3], replace_edits=False):
        pass
    np.testing.assert_array_equal(one.project.predicted[1], found)
    assert not one.project.predicted[0].any()
    one.session.part(Undoing).undo(output.layer)
    assert not one.project.predicted[1].any(), "the write was undone"
    one.session.part(Undoing).redo(output.layer)
    np.testing.assert_array_equal(one.project.predicted[1], found)


def test_ended_layers_stay_in_the_window_and_can_be_resumed(one):
    labels = one.layers.labels
    project = one.layers.project
    names = one.layers.end()
    assert labels in one.viewer.layers
    assert one.layers.name_of(labels) is None
    assert one.layers.image is None
    assert one.layers.labels is None
    one.layers.resume(project, names)
    assert one.layers.labels is labels
    assert one.layers.image is one.image


def test_labels_of_the_project_take_no_results_of_another_image(one):
    other = one.viewer.add_image(255 - one.image.data)
    one.session.choices.choose_image(other)
    taken = one.session.outputs.for_image(
        one.viewer, other, one.session.choices.classes, typed=None
    )
    assert taken.layer is not one.layers.labels
