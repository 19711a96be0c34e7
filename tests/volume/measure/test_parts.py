from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.volume.blocks import Block, BlockPlan
from napari_scsam.volume.measure.parts import check_ids, measure_part

UNIT = (1.0, 1.0, 1.0)


def whole(shape: tuple[int, ...]) -> Block:
    return BlockPlan(shape, shape)[0]


def test_sums_are_in_voxels_of_the_volume() -> None:
    labels = np.zeros((2, 4, 4), np.uint16)
    labels[1, 1:3, 2:4] = 9
    block = BlockPlan((8, 8, 8), (2, 4, 4))[7]
    assert block.start == (2, 4, 4)
    sums = measure_part(labels, block, (8, 8, 8), UNIT).sums
    assert sums.ids.tolist() == [9]
    assert sums.voxels.tolist() == [4]
    assert sums.low.tolist() == [[3, 5, 6]]
    assert sums.high.tolist() == [[4, 7, 8]]
    assert (sums.total / 4).tolist() == [[3.0, 5.5, 6.5]]


def test_a_block_with_neighbours_keeps_the_faces_that_they_touch() -> None:
    shape = (2, 8, 4)
    plan = BlockPlan(shape, (2, 4, 4))
    labels = np.arange(32).reshape(2, 4, 4).astype(np.uint8)
    first = measure_part(labels, plan[0], shape, UNIT)
    second = measure_part(labels, plan[1], shape, UNIT)
    assert set(first.planes) == {(1, 1)}
    assert set(second.planes) == {(1, 0)}
    assert first.planes[1, 1].shape == (2, 1, 4)


def test_a_block_that_is_the_volume_keeps_no_face() -> None:
    labels = np.ones((2, 2, 2), np.uint8)
    assert measure_part(labels, whole((2, 2, 2)), (2, 2, 2), UNIT).planes == {}


def test_the_border_of_the_volume_closes_a_surface() -> None:
    labels = np.ones((6, 6, 6), np.uint8)
    closed = measure_part(labels, whole((6, 6, 6)), (6, 6, 6), UNIT).sums.surface[0]
    inner = BlockPlan((18, 18, 18), (6, 6, 6))[13]
    assert inner.start == (6, 6, 6)
    opened = measure_part(labels, inner, (18, 18, 18), UNIT).sums.surface[0]
    assert opened == 0
    assert closed == pytest.approx(6 * 36, rel=0.2)


def test_an_empty_block_has_no_objects() -> None:
    part = measure_part(np.zeros((3, 3), np.uint8), whole((3, 3)), (3, 3), (1.0, 1.0))
    assert len(part.sums) == 0
    assert part.sums.surface.tolist() == []


def test_grey_values_belong_to_their_objects() -> None:
    labels = np.array([[1, 1, 0, 2]], np.uint8)
    image = np.array([[10, 20, 99, 7]], np.uint8)
    sums = measure_part(labels, whole((1, 4)), (1, 4), (1.0, 1.0), image).sums
    assert sums.grey.tolist() == [15, 7]
    assert sums.grey_spread.tolist() == [50, 0]


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64])
def test_negative_numbers_are_no_objects(dtype: type) -> None:
    labels = np.array([[0, -3, 5]], dtype)
    with pytest.raises(UserError, match="hold -3, but objects have numbers above 0"):
        measure_part(labels, whole((1, 3)), (1, 3), (1.0, 1.0))


@pytest.mark.parametrize("labels", [np.zeros((0, 4), np.int16), np.array([0, 5], np.uint8)])
def test_numbers_from_0_on_are_taken(labels: np.ndarray) -> None:
    check_ids(labels)
