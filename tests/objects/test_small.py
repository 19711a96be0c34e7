from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.objects import boxes as label_boxes
from napari_scsam.objects.place import Place
from napari_scsam.objects.small import delete_small
from napari_scsam.steps import drive


def scene() -> np.ndarray:
    data = np.zeros((3, 20, 30), np.uint8)
    data[:, 2:4, 2:4] = 1
    data[0, 10:16, 10:16] = 2
    data[1, 0, 0:3] = 3
    data[2, 19, 20:23] = 1
    return data


def place(data, **options) -> Place:
    return Place(
        data, options.pop("within", tuple(slice(0, n) for n in data.shape)), (1, 1, 1), **options
    )


@pytest.mark.parametrize("block", [50, 2**20])
def test_small_instances_go_everywhere_at_once(block, monkeypatch):
    monkeypatch.setattr(label_boxes, "BLOCK_VOXELS", block)
    data = scene()
    found = drive(delete_small(place(data), 15, 0))
    assert found.objects == 1
    after = data.copy()
    after[found.edit.indices] = found.edit.after
    np.testing.assert_array_equal(after, np.where(data == 3, 0, data))


def test_small_pieces_of_one_class_go():
    data = scene()
    found = drive(delete_small(place(data, classes=True), 12, 1))
    assert found.objects == 1
    after = data.copy()
    after[found.edit.indices] = found.edit.after
    expected = data.copy()
    expected[2, 19] = 0
    np.testing.assert_array_equal(after, expected)


def test_a_slice_counts_its_own_pixels():
    data = scene()
    one = (slice(2, 3), slice(0, 20), slice(0, 30))
    assert drive(delete_small(place(data, within=one, classes=True), 5, 1)).edit.size == 7
    assert drive(delete_small(place(data, within=one), 8, 0)).edit.size == 7


def test_locked_and_absent_ones():
    data = scene()
    one = (slice(2, 3), slice(0, 20), slice(0, 30))
    for found in (
        drive(delete_small(place(data, locked=(1, 3)), 16, 0)),
        drive(delete_small(place(data, within=one), 2, 0)),
    ):
        assert (found.objects, found.edit.size) == (0, 0)
