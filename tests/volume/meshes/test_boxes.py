from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.io.volumes import as_volume
from napari_scsam.volume.blocks import BlockPlan
from napari_scsam.volume.instances.source import LabelSource
from napari_scsam.volume.meshes.boxes import Boxes, BoxJob, boxes_in_block, joined_boxes


def boxes_of(labels: np.ndarray, sides: tuple[int, ...]) -> Boxes:
    job = BoxJob(LabelSource(as_volume(labels)), BlockPlan(labels.shape, sides))
    return joined_boxes(boxes_in_block(job, number) for number in range(len(job.plan)))


@pytest.fixture
def labels() -> np.ndarray:
    found = np.zeros((6, 10, 12), np.uint32)
    found[1:5, 2:7, 3:11] = 4_000_000
    found[0, 0, 0] = 7
    found[5, 9, 11] = 7
    found[2, 8, 2:4] = 2
    return found


@pytest.mark.parametrize("sides", [(6, 10, 12), (3, 5, 6), (2, 4, 5), (1, 1, 12)])
def test_boxes_do_not_depend_on_the_blocks(labels: np.ndarray, sides: tuple[int, ...]) -> None:
    boxes = boxes_of(labels, sides)
    assert boxes.ids.tolist() == [2, 7, 4_000_000]
    assert boxes.starts.tolist() == [[2, 8, 2], [0, 0, 0], [1, 2, 3]]
    assert boxes.stops.tolist() == [[3, 9, 4], [6, 10, 12], [5, 7, 11]]


def test_a_box_holds_its_object_and_no_layer_more(labels: np.ndarray) -> None:
    boxes = boxes_of(labels, (3, 5, 6))
    for place, number in enumerate(boxes.ids):
        inside = labels[boxes.slices(place)] == number
        assert np.count_nonzero(inside) == np.count_nonzero(labels == number)
        for axis in range(3):
            assert inside.take(0, axis).any()
            assert inside.take(-1, axis).any()


def test_empty_labels_have_no_boxes() -> None:
    boxes = boxes_of(np.zeros((4, 4, 4), np.uint8), (2, 2, 2))
    assert boxes.ids.tolist() == []
    assert boxes.starts.shape == (0, 3)


def test_a_block_does_not_change_the_labels(labels: np.ndarray) -> None:
    before = labels.copy()
    boxes_of(labels, (6, 10, 12))
    np.testing.assert_array_equal(labels, before)


def test_labels_of_a_slice_have_flat_boxes() -> None:
    labels = np.zeros((4, 6), np.uint16)
    labels[1:3, 2:6] = 3
    boxes = boxes_of(labels, (2, 3))
    assert boxes.ids.tolist() == [3]
    assert boxes.slices(0) == (slice(1, 3), slice(2, 6))
