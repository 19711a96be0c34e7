from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_scsam.gui.layers.class_pixels import (
    clear_steps,
    count_steps,
    holds,
    labelled_slice_keys,
)
from napari_scsam.steps import drive


@pytest.fixture
def layer():
    """A labels layer with class 1 on two slices and class 2 on one."""
    data = np.zeros((4, 6, 8), np.uint8)
    data[0, 1:3, 1:4] = 1
    data[2, 0, :5] = 1
    data[2, 5, 5:] = 2
    return Labels(data)


@pytest.mark.parametrize(("value", "count"), [(1, 11), (2, 3), (3, 0)])
def test_pixels_of_a_class_are_counted_slice_by_slice(layer, value, count):
    steps = count_steps(layer, value)
    assert sum(1 for _ in iter(lambda: next(steps, "end"), "end")) == 4
    assert drive(count_steps(layer, value)) == count
    assert holds(layer, value) == (count > 0)


def test_a_class_is_removed_in_one_undo_step(layer):
    before = layer.data.copy()
    assert drive(clear_steps(layer, 1)) == 11
    np.testing.assert_array_equal(layer.data, np.where(before == 1, 0, before))
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)


def test_a_class_without_pixels_is_removed_without_an_undo_step(layer):
    before = layer.data.copy()
    layer.data_setitem((np.array([3]), np.array([3]), np.array([3])), 2)
    assert drive(clear_steps(layer, 7)) == 0
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)


def test_a_flat_layer_is_one_slice():
    layer = Labels(np.eye(5, dtype=np.uint8))
    assert labelled_slice_keys(layer.data) == [...]
    assert drive(count_steps(layer, 1)) == 5
    assert drive(clear_steps(layer, 1)) == 5
    assert not holds(layer, 1)
