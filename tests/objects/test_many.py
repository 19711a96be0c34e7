from __future__ import annotations

import numpy as np

from napari_scsam.objects.boxes import LabelBoxes, tally
from napari_scsam.objects.many import replace_labels
from napari_scsam.objects.place import Place
from napari_scsam.steps import drive


def changed(data, labels, locked=()):
    """Return an array with labels replaced, each in the box of its object."""
    boxes = LabelBoxes(tally(data))
    whole = tuple(slice(0, n) for n in data.shape)
    place = Place(data, whole, (1.0,) * data.ndim, locked=locked)
    edit = drive(replace_labels(place, labels, {label: boxes.box(label) for label in labels}))
    after = data.copy()
    after[edit.indices] = edit.after
    np.testing.assert_array_equal(data[edit.indices], edit.before)
    return after


def test_each_object_gets_its_new_label_and_others_in_its_box_stay():
    data = np.random.default_rng(0).integers(0, 6, (5, 9, 9)).astype(np.uint32)
    after = changed(data, {1: 0, 2: 7, 3: 7})
    expected = np.array([0, 0, 7, 7, 4, 5])[data]
    np.testing.assert_array_equal(after, expected)


def test_a_label_that_takes_the_place_of_another_is_not_replaced_twice():
    data = np.array([[1, 2, 3, 3]], np.uint32)
    np.testing.assert_array_equal(changed(data, {1: 2, 2: 3}), [[2, 3, 3, 3]])


def test_locked_labels_stay():
    data = np.array([[1, 1, 2]], np.uint32)
    np.testing.assert_array_equal(changed(data, {1: 0, 2: 0}, locked=(1,)), [[1, 1, 0]])
