from __future__ import annotations

import numpy as np
from napari.layers import Image, Labels

from napari_scsam.config import ClassSpec
from napari_scsam.gui.layers.class_table import new_labels
from napari_scsam.gui.layers.instance_layer import SelectedView, instance_layers, outline_layer


def test_outlines_are_inside_of_objects_also_where_two_touch():
    data = np.zeros((3, 20, 20), np.uint32)
    data[1, 2:18, 2:10] = 4
    data[1, 2:18, 10:18] = 6
    view = SelectedView(data)
    view.select(np.array([4, 6]))
    shown = view[1]
    assert set(np.unique(shown)) == {0, 4, 6}
    np.testing.assert_array_equal(
        shown[10], [0, 0, 4, 4, 0, 0, 0, 0, 4, 4, 6, 6, 0, 0, 0, 0, 6, 6, 0, 0]
    )
    assert not view[0].any()
    assert not view[:].any(), "in 3-D, surfaces are shown"


def test_objects_between_selected_labels_have_no_outline():
    data = np.arange(12, dtype=np.uint32).reshape(3, 4)
    view = SelectedView(data)
    view.select(np.array([2, 9]))
    assert set(np.unique(view[:, :])) == {0, 2, 9}
    view.select(np.zeros(0, np.int64))
    assert not view[:, :].any()


def test_layers_of_classes_and_of_the_plugin_are_no_instances():
    image = Image(np.zeros((4, 4), np.uint8))
    instances = Labels(np.zeros((4, 4), np.uint32))
    classes = new_labels(image, (ClassSpec(1, "mitochondrion"),))
    outlines = outline_layer(instances, SelectedView(instances.data))
    pyramid = Labels([np.zeros((8, 8), np.uint8), np.zeros((4, 4), np.uint8)], multiscale=True)
    assert instance_layers([image, instances, classes, outlines, pyramid]) == [instances]
