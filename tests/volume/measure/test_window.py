from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.volume.blocks import BlockPlan
from napari_scsam.volume.measure.touch import find_near
from napari_scsam.volume.measure.window import find_objects, halo, window_of

SHAPE = (6, 9, 12)
PLAN = BlockPlan(SHAPE, (2, 3, 4))
UNIT = (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("size", "distance", "expected"),
    [
        ((1.0, 1.0, 1.0), 3.0, (3, 3, 3)),
        ((1.0, 1.0, 1.0), 2.999, (2, 2, 2)),
        ((0.1, 0.1, 0.1), 0.3, (3, 3, 3)),
        ((40.0, 8.0, 8.0), 30.0, (1, 3, 3)),
        ((100.0, 100.0), 1.0, (1, 1)),
    ],
)
def test_a_distance_reaches_whole_voxels_and_at_least_one(
    size: tuple[float, ...], distance: float, expected: tuple[int, ...]
) -> None:
    assert halo(size, distance) == expected


def test_a_window_in_the_middle_has_surroundings_on_all_sides() -> None:
    block = PLAN.at((1, 1, 1))
    assert block is not None
    window, where = window_of(block, SHAPE, UNIT, 1.0)
    assert where == np.s_[1:5, 2:7, 3:9]
    assert window.start == (1, 2, 3)
    assert window.inner == np.s_[1:3, 1:4, 1:5]
    assert window.border == ((0, 0),) * 3
    assert window.seams == ((True, True),) * 3


def test_a_window_at_a_corner_ends_with_the_volume() -> None:
    window, where = window_of(PLAN[0], SHAPE, UNIT, 2.0)
    assert where == np.s_[0:4, 0:5, 0:6]
    assert window.inner == np.s_[0:2, 0:3, 0:4]
    assert window.border == ((1, 0),) * 3
    assert window.seams == ((False, True),) * 3
    last, _ = window_of(PLAN[len(PLAN) - 1], SHAPE, UNIT, 2.0)
    assert last.border == ((0, 1),) * 3
    assert last.seams == ((True, False),) * 3


def test_a_window_that_reaches_the_end_is_closed_there_though_its_block_is_not() -> None:
    block = PLAN.at((1, 1, 1))
    assert block is not None
    window, where = window_of(block, SHAPE, UNIT, 9.0)
    assert where == tuple(slice(0, side) for side in SHAPE)
    assert window.border == ((1, 1),) * 3
    assert window.seams == ((True, True),) * 3


@pytest.fixture
def labels() -> np.ndarray:
    """Return a volume of one block with two objects two voxels apart."""
    found = np.zeros((3, 6, 10), np.uint32)
    found[1, 1:5, 1:4] = 20
    found[1, 1:5, 6:9] = 7
    return found


def whole(labels: np.ndarray, distance: float) -> tuple:
    plan = BlockPlan(labels.shape, labels.shape)
    return window_of(plan[0], labels.shape, UNIT, distance)[0]


def test_objects_have_their_outermost_voxels(labels: np.ndarray) -> None:
    found = find_objects(labels, whole(labels, 3.0))
    assert found.ids.tolist() == [7, 20]
    assert found.bounds.tolist() == [0, 12, 24]
    first = {tuple(voxel) for voxel in found.outer[:12].tolist()}
    assert first == {tuple(voxel) for voxel in np.argwhere(labels == 7).tolist()}


def test_surface_voxels_are_numbered(labels: np.ndarray) -> None:
    surface = find_objects(labels, whole(labels, 3.0)).surface
    numbers = surface.numbers[tuple(surface.points.T)]
    assert numbers.tolist() == list(range(len(surface.points)))
    owners = np.array([7, 20])[surface.owners - 1]
    np.testing.assert_array_equal(owners, labels[tuple(surface.points.T)])
    assert (surface.areas > 0).all()
    assert (surface.numbers == -1).sum() == labels.size - len(numbers)


@pytest.mark.parametrize(("distance", "pairs"), [(2.99, 0), (3.0, 2), (3.01, 2)])
def test_objects_are_near_from_the_distance_on(
    labels: np.ndarray, distance: float, pairs: int
) -> None:
    window = whole(labels, distance)
    near = find_near([find_objects(labels, window)], window, distance)
    assert len(near.ids) == pairs
    if pairs:
        assert near.ids.tolist() == [[7, 20], [20, 7]]
        assert near.classes.tolist() == [[0, 0], [0, 0]]
        assert near.distance.tolist() == [3.0, 3.0]
        assert near.patch_rows.tolist() == [0, 1], "one site on each"
        assert len(near.edge_voxels) == 0, "no other block is there"


def test_objects_of_two_classes_may_lie_in_one_voxel(labels: np.ndarray) -> None:
    window = whole(labels, 1.0)
    other = np.where(labels == 7, 3, 0).astype(np.uint32)
    near = find_near([find_objects(labels, window), find_objects(other, window)], window, 1.0)
    assert near.ids.tolist() == [[7, 3], [3, 7]]
    assert near.classes.tolist() == [[0, 1], [1, 0]]
    assert near.distance.tolist() == [0.0, 0.0]


def test_nothing_is_near_in_an_empty_block() -> None:
    labels = np.zeros((3, 3, 3), np.uint8)
    window = whole(labels, 2.0)
    near = find_near([find_objects(labels, window)] * 2, window, 2.0)
    assert near.ids.shape == (0, 2)
    assert near.edge_voxels.shape == (0, 3)
