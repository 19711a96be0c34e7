from __future__ import annotations

import weakref

import numpy as np
import pytest
from napari.layers import Labels

from napari_scsam.gui.tools.correction import label_index
from napari_scsam.gui.tools.correction.label_index import INDEX_JOB, LabelIndex
from napari_scsam.steps import drive

SHAPE = (5, 12, 16)


class Held:
    """A worker that searches when it is told to."""

    def __init__(self) -> None:
        self.made: list = []

    def submit(self, kind, make) -> None:
        assert kind == INDEX_JOB
        self.made.append(make)

    def busy(self, kind=None) -> bool:  # noqa: ARG002  # there is one kind
        return bool(self.made)

    def search(self):
        return drive(self.made.pop(0)())


@pytest.fixture
def worker() -> Held:
    return Held()


@pytest.fixture
def index(worker) -> LabelIndex:
    return LabelIndex(worker)


@pytest.fixture
def layer() -> Labels:
    data = np.zeros(SHAPE, np.uint16)
    data[1:3, 2:5, 3:9] = 4
    data[4, 11, 15] = 7
    return Labels(data)


def bounds(boxes, value) -> tuple:
    box = boxes.box(value)
    return None if box is None else tuple((side.start, side.stop) for side in box)


def true_bounds(data: np.ndarray, value: int) -> tuple:
    return tuple((int(axis.min()), int(axis.max()) + 1) for axis in np.nonzero(data == value))


def voxel(*at) -> tuple:
    return tuple(np.array([i]) for i in at)


def test_a_small_layer_is_searched_at_once_and_only_once(index, layer, worker):
    boxes = index.of(layer)
    for value in (4, 7):
        assert bounds(boxes, value) == true_bounds(layer.data, value)
    assert boxes.box(1) is None
    assert index.of(layer, (1, 2, 3)) is boxes
    assert not worker.made


def test_edits_widen_the_boxes_and_bring_new_labels(index, layer):
    boxes = index.of(layer)
    layer.data_setitem(voxel(0, 8, 1), 4)
    layer.data_setitem((np.array([2, 3]), np.array([6, 7]), np.array([0, 9])), np.array([9, 9]))
    layer.brush_size = 3
    layer.n_edit_dimensions = 2
    layer.paint((0, 5, 12), 12)
    assert index.of(layer) is boxes
    for value in (4, 9):
        assert bounds(boxes, value) == true_bounds(layer.data, value)
    for (low, high), (a, b) in zip(bounds(boxes, 12), true_bounds(layer.data, 12), strict=True):
        assert low <= a
        assert high >= b


def test_what_was_erased_stays_in_its_box_for_an_undo(index, layer):
    boxes = index.of(layer)
    before = bounds(boxes, 4)
    layer.data_setitem(tuple(np.nonzero(layer.data == 4)), 0)
    assert bounds(boxes, 4) == before
    layer.undo()
    assert bounds(index.of(layer), 4) == true_bounds(layer.data, 4)


def test_what_an_earlier_edit_may_bring_back_is_in_the_boxes(index, layer):
    there = true_bounds(layer.data, 7)
    layer.data_setitem(voxel(4, 11, 15), 0)  # before the layer is asked for
    layer.data_setitem(voxel(0, 0, 0), 20)
    layer.undo()  # now only a redo knows label 20
    boxes = index.of(layer)
    assert bounds(boxes, 7) == there
    assert bounds(boxes, 20) == ((0, 1), (0, 1), (0, 1))


def test_an_array_changed_by_other_code_is_searched_again(index, layer):
    boxes = index.of(layer)
    layer.data[0, 10, 10] = 4  # no event
    layer.data[0, 0, 5] = 30
    assert index.of(layer, (1, 2, 3)) is boxes, "nothing is wrong where it is asked"
    assert index.of(layer, (0, 11, 0)) is boxes, "background has no box"
    again = index.of(layer, (0, 10, 10))
    assert again is not boxes
    assert bounds(again, 4) == true_bounds(layer.data, 4)
    assert bounds(again, 30) == true_bounds(layer.data, 30)


def test_another_array_is_searched_anew(index, layer):
    index.of(layer)
    other = np.zeros(SHAPE, np.uint16)
    other[0, 0, :3] = 5
    layer.data = other
    boxes = index.of(layer)
    assert boxes.box(4) is None
    assert bounds(boxes, 5) == ((0, 1), (0, 1), (0, 3))


def test_a_large_layer_is_searched_once_on_the_thread(index, layer, worker, monkeypatch):
    monkeypatch.setattr(label_index, "MAX_SYNC_VOXELS", layer.data.size - 1)
    assert index.of(layer) is None
    assert index.of(layer) is None
    assert len(worker.made) == 1
    index.take(worker.search())
    assert bounds(index.of(layer), 4) == true_bounds(layer.data, 4)
    assert not worker.made


def test_what_is_painted_during_the_search_is_in_the_boxes(index, layer, worker, monkeypatch):
    monkeypatch.setattr(label_index, "MAX_SYNC_VOXELS", 0)
    index.of(layer)
    found = worker.search()
    layer.data_setitem(voxel(0, 0, 15), 4)
    layer.data_setitem(voxel(3, 3, 3), 40)
    index.take(found)
    boxes = index.of(layer)
    for value in (4, 40):
        assert bounds(boxes, value) == true_bounds(layer.data, value)


def test_a_search_of_an_array_that_was_replaced_is_dropped(index, layer, worker, monkeypatch):
    monkeypatch.setattr(label_index, "MAX_SYNC_VOXELS", 0)
    index.of(layer)
    found = worker.search()
    layer.data = np.ones(SHAPE, np.uint16)
    index.take(found)
    assert index.of(layer) is None
    index.take(worker.search())
    assert bounds(index.of(layer), 1) == tuple((0, side) for side in SHAPE)
    assert index.of(layer).box(4) is None


def test_a_layer_that_is_gone_is_no_error(index, worker, monkeypatch):
    monkeypatch.setattr(label_index, "MAX_SYNC_VOXELS", 0)
    layer = Labels(np.ones(SHAPE, np.uint16))
    index.of(layer)
    _, tally = worker.search()
    gone = weakref.ref(Labels(np.ones((2, 2), np.uint8)))
    index.take((gone, tally))
    assert index.of(layer) is None
