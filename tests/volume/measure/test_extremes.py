"""The longest axis of objects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from napari_scsam.volume.measure.extremes import (
    Ends,
    EndsFile,
    directions,
    find_ends,
    longest_axes,
    merge_ends,
)
from napari_scsam.volume.measure.runs import find_runs
from napari_scsam.volume.measure.spool import Spool

CUBIC = (1.0, 1.0, 1.0)


def longest(labels: np.ndarray, size: tuple[float, ...] = CUBIC) -> np.ndarray:
    ends = find_ends(find_runs(labels), (0,) * labels.ndim, size)
    return longest_axes(ends, size)


def test_a_row_of_voxels_is_as_long_as_it_is() -> None:
    rod = np.zeros((3, 12, 3), np.uint8)
    rod[1, 1:11, 1] = 1
    assert longest(rod, (5.0, 7.0, 9.0)) == pytest.approx([70.0])


def test_a_voxel_is_as_long_as_its_longest_side() -> None:
    assert longest(np.ones((1, 1, 1), np.uint8), (5.0, 7.0, 9.0)) == pytest.approx([9.0])


def test_a_box_is_as_long_as_its_diagonal() -> None:
    assert longest(np.ones((10, 20, 30), np.uint8)) == pytest.approx(
        [np.linalg.norm([9, 19, 29]) + 1]
    )


@pytest.mark.parametrize("shape", [(30, 40), (12, 14, 16)])
def test_it_is_hardly_below_the_greatest_distance(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    size = (3.0, 1.0, 2.0)[-len(shape) :]
    for _ in range(20):
        labels = np.uint8(random.random(shape) < 0.02)
        places = np.argwhere(labels) * size
        greatest = pdist(places).max()
        found = longest(labels, size)[0]
        assert 0.97 * greatest <= found - min(size)
        assert found - max(size) <= greatest * (1 + 1e-12)


@pytest.mark.parametrize("ndim", [2, 3])
def test_no_direction_is_far_from_one_that_is_tried(ndim: int) -> None:
    units = directions(ndim)
    assert np.linalg.norm(units, axis=1) == pytest.approx(1)
    random = np.random.default_rng(0).normal(size=(5000, ndim))
    random /= np.linalg.norm(random, axis=1)[:, None]
    assert np.abs(random @ units.T).max(axis=1).min() > 0.965


def test_parts_are_as_long_as_the_whole_in_whatever_order_they_come() -> None:
    labels = np.uint8(np.random.default_rng(1).integers(0, 3, (9, 10, 11)))
    whole = longest(labels)
    parts = [
        find_ends(find_runs(labels[start : start + 4]), (start, 0, 0), CUBIC) for start in (0, 4, 8)
    ]
    for order in ([0, 1, 2], [2, 0, 1]):
        merged = merge_ends([parts[number] for number in order], CUBIC)
        assert merged.ids.tolist() == [1, 2]
        assert longest_axes(merged, CUBIC).tolist() == whole.tolist()


def test_what_waits_in_a_file_comes_back() -> None:
    ends = find_ends(find_runs(np.ones((2, 3, 4), np.uint8)), (5, 6, 7), CUBIC)
    none = Ends(ends.ids[:0], ends.voxels[:0])
    with Spool() as spool:
        file = EndsFile(spool)
        file.add(none)
        file.add(ends)
        first, second = file.read()
    assert len(first.ids) == 0
    assert second.ids.tolist() == [1]
    assert np.array_equal(second.voxels, ends.voxels)


def test_ends_are_divided_by_objects_and_none_is_lost() -> None:
    random = np.random.default_rng(0)
    ids = np.arange(3, 40, 2, dtype=np.uint64)
    rows = np.array([0, 2, 5, 6, 9, 15, 18])
    with Spool() as spool:
        whole = EndsFile(spool)
        for _ in range(6):
            own = np.sort(random.choice(ids, 8, replace=False))
            whole.add(Ends(own, random.integers(0, 99, (8, 64, 2, 3), np.int32)))
        expected = {row: [] for row in rows.tolist()}
        for ends in whole.read():
            for number, voxels in zip(ends.ids, ends.voxels, strict=True):
                row = int(np.searchsorted(ids, number))
                if row in expected:
                    expected[row].append(voxels)
        found = []
        for group, file in whole.divided(ids, rows, 3):
            assert len(group) <= 3
            found += group.tolist()
            parts = list(file.read())
            for row in group.tolist():
                held = [part.voxels[part.ids == ids[row]] for part in parts]
                np.testing.assert_array_equal(
                    np.concatenate(held), np.reshape(expected[row], (-1, 64, 2, 3))
                )
        assert found == rows.tolist()
        assert list(whole.divided(ids, rows[:0], 3)) == []
