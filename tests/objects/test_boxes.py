from __future__ import annotations

import numpy as np
import pytest
import zarr
from scipy import ndimage

from napari_scsam.objects import boxes as label_boxes
from napari_scsam.objects.boxes import LabelBoxes, iter_blocks, tally, tally_points, tally_steps


def finish(steps):
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def volume(kind: str, dtype="uint16"):
    rng = np.random.default_rng(1)
    labels = np.kron(rng.integers(0, 40, (4, 5, 6)), np.ones((3, 4, 2), int)).astype(dtype)
    if kind == "numpy":
        return labels
    array = zarr.create_array(
        store=zarr.storage.MemoryStore(), shape=labels.shape, chunks=(5, 8, 4), dtype=dtype
    )
    array[...] = labels
    return array


@pytest.mark.parametrize("kind", ["numpy", "zarr"])
@pytest.mark.parametrize("block", [7, 100, 2**20])
def test_every_label_is_counted_and_boxed_as_scipy_does(kind, block, monkeypatch):
    monkeypatch.setattr(label_boxes, "BLOCK_VOXELS", block)
    data = volume(kind)
    labels = np.asarray(data[...])
    counted = finish(tally_steps(data))
    expected = ndimage.find_objects(labels.astype(int))
    assert counted.values.tolist() == [v for v in np.unique(labels) if v]
    boxes = LabelBoxes(counted)
    for value, count, first in zip(counted.values, counted.counts, counted.first, strict=True):
        assert boxes.box(value) == expected[value - 1]
        assert count == np.count_nonzero(labels == value)
        assert labels[tuple(first)] == value
    assert boxes.box(0) is None


@pytest.mark.parametrize("kind", ["numpy", "zarr"])
def test_blocks_cover_a_part_once_and_are_small(kind, monkeypatch):
    monkeypatch.setattr(label_boxes, "BLOCK_VOXELS", 200)
    data = volume(kind)
    seen = np.zeros(data.shape, int)
    within = (slice(2, 11), slice(0, 20), slice(3, 4))
    for box in iter_blocks(data, within):
        seen[box] += 1
        assert seen[box].size <= 200
    assert (seen[within] == 1).all()
    assert seen.sum() == seen[within].size


def test_huge_and_signed_labels_need_no_table():
    block = np.array([[0, 2**40, 2**40], [7, 7, 0]], np.int64)
    counted = tally(block, (10, 20))
    assert counted.values.tolist() == [7, 2**40]
    assert counted.low.tolist() == [[11, 20], [10, 21]]
    assert counted.high.tolist() == [[12, 22], [11, 23]]


def test_boxes_widen_by_what_is_written_and_never_shrink():
    boxes = LabelBoxes(tally(volume("numpy")[:3]))
    before = boxes.box(5)
    boxes.widen(tally_points(([9, 11, 0], [1, 2, 0], [3, 3, 0]), np.array([5, 5, 99])))
    wide = boxes.box(5)
    assert all(
        w.start <= b.start and w.stop >= b.stop for w, b in zip(wide, before or wide, strict=True)
    )
    assert wide[0].stop == 12
    assert boxes.box(99) == (slice(0, 1),) * 3
    boxes.widen(tally_points(([1], [1], [1]), 0))
    assert boxes.box(5) == wide


def test_neighbouring_and_unused_labels():
    boxes = LabelBoxes(tally(np.array([[1, 2, 5, 9]])))
    assert [boxes.beside(2, 1), boxes.beside(5, -1), boxes.beside(9, 1), boxes.beside(1, -1)] == [
        5,
        2,
        None,
        None,
    ]
    assert boxes.unused(2, 255) == [10, 11]
    assert boxes.unused(3, 10) == [10, 3, 4]
    assert boxes.unused(4, 9) == [3, 4, 6, 7]
    assert LabelBoxes(tally(np.zeros((2, 2), int))).unused(1, 9) == [1]
