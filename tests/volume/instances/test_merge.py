"""Basins are one object unless a neck divides them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.volume.instances.basins import HEIGHT_STEPS, highest_saddles
from napari_scsam.volume.instances.merge import Tables, merged_roots


def tables(peaks, voxels=None, leaves=None):
    count = len(peaks)
    return Tables(
        peaks=np.array(peaks, np.int64) * HEIGHT_STEPS,
        places=np.arange(count, dtype=np.int64),
        leaves=np.zeros(count, bool) if leaves is None else np.array(leaves),
        voxels=np.full(count, 100) if voxels is None else np.array(voxels),
    )


def merge(known, saddles, links=(), smallest=1):
    heights = [(a, b, int(height * HEIGHT_STEPS)) for a, b, height in saddles]
    return merged_roots(
        known,
        np.array(links, np.int64).reshape(-1, 2),
        np.array(heights, np.int64).reshape(-1, 3),
        smallest,
    ).tolist()


@pytest.mark.parametrize(("neck", "objects"), [(6.9, 2), (7.0, 1), (9.5, 1)])
def test_a_neck_divides_when_it_is_thinner_than_seven_tenths(neck, objects):
    assert len(set(merge(tables([10, 20]), [(0, 1, neck)]))) == objects


def test_a_rough_surface_divides_nothing():
    assert merge(tables([2, 2]), [(0, 1, 1.2)]) == [0, 0]
    assert merge(tables([2, 2]), [(0, 1, 1.0)]) == [0, 1]


def test_a_small_basin_joins_the_neighbour_it_touches_most():
    assert merge(tables([9, 9, 3], [99, 99, 2]), [(0, 2, 1), (1, 2, 1.5)], smallest=5) == [0, 1, 1]


def test_a_basin_goes_on_in_the_next_block():
    known = tables([5, 9, 9], leaves=[True, False, False])
    assert merge(known, [(0, 2, 2)], links=[(0, 1)]) == [0, 0, 2]


def test_a_pair_of_basins_touches_at_its_highest_saddle():
    saddles = np.array([(2, 1, 5), (1, 2, 9), (1, 3, 4), (2, 1, 7)])
    assert highest_saddles(saddles).tolist() == [[1, 2, 9], [1, 3, 4]]
