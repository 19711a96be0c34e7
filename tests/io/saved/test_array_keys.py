from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.io.saved.array_keys import BoxKey, VoxelKey, parse_key

SHAPE = (5, 40, 30)
VALUES = np.arange(np.prod(SHAPE)).reshape(SHAPE)


def look_up(key):
    found = parse_key(key, SHAPE)
    if isinstance(found, VoxelKey):
        return VALUES[found.indices]
    box = VALUES[tuple(slice(a, b) for a, b in zip(found.start, found.stop, strict=True))]
    return found.finish(box)


@pytest.mark.parametrize(
    "key",
    [
        3,
        -1,
        (2, slice(3, 20), slice(None)),
        (..., 4),
        (slice(1, 4), ..., slice(2, 29, 3)),
        (slice(None), 7, slice(5, 5)),
        (np.int64(1), slice(-9, -2)),
        (np.array([0, -1]), np.array([3, 4]), np.array([5, 6])),
        (2, np.array([[1, 2], [3, 4]]), np.array([7, 8])),
        VALUES % 7 == 0,
    ],
)
def test_means_what_numpy_means(key):
    np.testing.assert_array_equal(look_up(key), VALUES[key])


@pytest.mark.parametrize(
    "key", [5, (0, 0, 0, 0), (0, -41), (slice(None), np.array([1]), np.array([2])), slice(4, 0, -1)]
)
def test_what_is_no_index_is_refused(key):
    with pytest.raises(IndexError):
        parse_key(key, SHAPE)


def test_points_are_sorted_by_chunk():
    rng = np.random.default_rng(0)
    points = VoxelKey(tuple(rng.integers(0, size, 200) for size in SHAPE))
    seen = np.full(200, -1)
    for block, inside, chosen in points.by_block((1, 16, 16)):
        for axis in range(3):
            np.testing.assert_array_equal(
                inside[axis] + block[axis] * (1, 16, 16)[axis], points.indices[axis][chosen]
            )
        seen[chosen] += 1
    assert (seen == 0).all()


def test_a_box_with_steps_as_points():
    region = parse_key((1, slice(0, 40, 7), slice(3, 6)), SHAPE)
    assert isinstance(region, BoxKey)
    np.testing.assert_array_equal(VALUES[region.points().indices], VALUES[1, 0:40:7, 3:6])


def test_an_empty_box_is_empty_whichever_way_it_is_written() -> None:
    for key in (np.s_[3:3], np.s_[5:2], np.s_[:, 4:1]):
        region = parse_key(key, (6, 8))
        assert isinstance(region, BoxKey)
        assert region.shape == np.zeros((6, 8))[key].shape
