from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.objects.components import (
    label_components,
    mean_in_components,
    neighbourhood,
    small_components,
)


@pytest.mark.parametrize("ndim", [2, 3])
def test_voxels_that_share_a_corner_are_one_component(ndim):
    mask = np.zeros((6,) * ndim, bool)
    mask[(0,) * ndim] = mask[(1,) * ndim] = mask[(3,) * ndim] = True
    numbers = label_components(mask)
    assert numbers[(0,) * ndim] == numbers[(1,) * ndim] == 1
    assert numbers[(3,) * ndim] == 2
    assert numbers.max() == 2
    assert neighbourhood(ndim).sum() == 3**ndim


def test_components_are_numbered_by_their_first_voxels():
    mask = np.zeros((4, 9), bool)
    mask[2, 0] = mask[1, 4] = mask[0, 8] = True
    numbers = label_components(mask)
    assert [numbers[0, 8], numbers[1, 4], numbers[2, 0]] == [1, 2, 3]


def test_small_components_are_those_of_fewer_voxels():
    mask = np.zeros((8, 8), bool)
    mask[0, :2] = mask[4:7, 4:7] = True
    assert not small_components(mask, 2).any()
    assert (small_components(mask, 3) == (mask & (np.arange(8)[:, None] == 0))).all()
    assert (small_components(mask, 10) == mask).all()


def test_means_are_over_each_component():
    mask = np.zeros((6, 6), bool)
    mask[0, :2] = mask[4, 3:6] = True
    values = np.arange(36.0).reshape(6, 6)
    found = mean_in_components(mask, np.where(mask, values, -np.inf))
    assert (found[0, :2] == 0.5).all()
    assert (found[4, 3:6] == 28).all()
    assert (found[~mask] == 0).all()


def test_nothing_has_no_components():
    mask = np.zeros((3, 3), bool)
    assert label_components(mask).max() == 0
    assert not small_components(mask, 5).any()
