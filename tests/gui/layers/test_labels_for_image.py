from __future__ import annotations

import numpy as np
from napari.components import ViewerModel

from napari_scsam.config import ClassSpec
from napari_scsam.gui.layers.class_table import VOXEL_SIZE_KEY, classes_of, new_labels
from napari_scsam.gui.layers.labels_for_image import LabelsForImages


def viewer_with(*names):
    viewer = ViewerModel()
    return viewer, *(viewer.add_image(np.zeros((3, 4, 5)), name=name) for name in names)


def test_each_image_has_one_labels_layer_that_is_found_again(classes):
    viewer, one, two = viewer_with("one", "two")
    outputs = LabelsForImages()
    first = outputs.for_image(viewer, one, classes[:1])
    assert outputs.for_image(viewer, one, classes) is first
    assert classes_of(first.layer) == classes
    assert outputs.for_image(viewer, two, classes).layer.name == "two organelles"
    assert len(viewer.layers) == 4


def test_labels_opened_from_a_file_are_gone_on_with(classes):
    viewer, image = viewer_with("one")
    opened = viewer.add_layer(new_labels(image, classes))
    assert LabelsForImages().for_image(viewer, image, classes[:1]).layer is opened
    assert len(viewer.layers) == 2


def test_a_removed_labels_layer_is_replaced(classes):
    viewer, image = viewer_with("one")
    outputs = LabelsForImages()
    first = outputs.for_image(viewer, image, classes)
    viewer.layers.remove(first.layer)
    outputs.forget(first.layer)
    second = outputs.for_image(viewer, image, classes)
    assert second.layer is not first.layer
    assert second.layer in viewer.layers


def test_a_checkpoint_whose_ids_mean_something_else_gets_its_own_layer(classes):
    viewer, image = viewer_with("one")
    outputs = LabelsForImages()
    first = outputs.for_image(viewer, image, classes)
    second = outputs.for_image(viewer, image, (ClassSpec(1, "nucleus"),))
    assert second.layer is not first.layer


def test_a_typed_voxel_size_travels_with_the_labels(classes):
    viewer, image = viewer_with("one")
    output = LabelsForImages().for_image(viewer, image, classes, typed=(40.0, 10.0, 10.0))
    assert output.layer.metadata[VOXEL_SIZE_KEY] == (40.0, 10.0, 10.0)
