"""Connected patches of voxels in lists."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_scsam.volume.measure.patches import components, find_patches, neighbour_steps


@given(st.integers(0, 2**32), st.integers(2, 3))
@settings(max_examples=40, deadline=None)
def test_patches_are_the_components_of_each_pair(seed: int, ndim: int) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, 7, ndim))
    masks = random.random((3, *shape)) < 0.3
    rows, *places = np.nonzero(masks)
    patches, patch_rows = find_patches(rows, np.ravel_multi_index(tuple(places), shape), shape)
    counts = [ndimage.label(mask, np.ones((3,) * ndim))[1] for mask in masks]
    assert np.bincount(patch_rows, minlength=3).tolist() == counts
    for row, mask in enumerate(masks):
        expected = ndimage.label(mask, np.ones((3,) * ndim))[0][mask]
        own = patches[rows == row]
        assert len(set(zip(expected.tolist(), own.tolist(), strict=True))) == counts[row]


def test_steps_lead_to_half_of_the_neighbours() -> None:
    assert neighbour_steps((10, 20)) == [1, 19, 20, 21]
    assert len(neighbour_steps((4, 5, 6))) == 13


def test_nodes_without_links_are_components() -> None:
    none = np.zeros(0, np.intp)
    assert components(3, none, none).tolist() == [0, 1, 2]
    assert components(3, np.array([0]), np.array([2])).tolist() == [0, 1, 0]
