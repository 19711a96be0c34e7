"""Holes are filled as in the whole volume at once."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
import zarr
from ram import folder_in_memory

from napari_scsam import find_instances
from napari_scsam.objects.components import label_components
from napari_scsam.steps import drive


def filled(labels, most):
    with folder_in_memory() as folder:
        steps = find_instances(
            labels, folder / "o.zarr", classes={1: "ER"}, smallest=1, most_voxels=most,
            fill_holes=True,
        )  # fmt: skip
        drive(steps)
        return zarr.open_array(folder / "o.zarr/labels/ER/0", mode="r")[...]


def brute_force(mask):
    """Fill each component of the background that is closed and has one object beside it."""
    objects = label_components(mask)
    background, count = scipy.ndimage.label(objects == 0)
    ends = [(0, -1) for length in mask.shape if length > 1]
    axes = [axis for axis, length in enumerate(mask.shape) if length > 1]
    opened = {
        number
        for axis, sides in zip(axes, ends, strict=True)
        for side in sides
        for number in np.unique(background.take(side, axis))
    }
    found = objects.copy()
    for number in range(1, count + 1):
        beside = scipy.ndimage.binary_dilation(background == number)
        owners = set(np.unique(objects[beside])) - {0}
        if number not in opened and len(owners) == 1:
            found[background == number] = owners.pop()
    return found


@pytest.mark.parametrize("shape", [(10, 12, 11), (30, 35), (1, 25, 25)])
@pytest.mark.parametrize("share", [0.5, 0.7])
def test_random_holes_are_those_of_brute_force(shape, share):
    mask = (np.random.default_rng(0).random(shape) < share).astype(np.uint8)
    expected = brute_force(mask)
    assert (expected > 0).sum() > mask.sum()
    for most in (300, 10**6):
        np.testing.assert_array_equal(filled(mask, most), expected)


def test_a_hole_with_an_object_in_it_and_a_bay_stay_open():
    mask = np.zeros((20, 40), np.uint8)
    mask[2:18, 2:18] = 1
    mask[5:15, 5:15] = 0
    mask[9:11, 9:11] = 1  # an object inside
    mask[2:18, 22:38] = 1
    mask[5:15, 25:38] = 0  # a bay
    np.testing.assert_array_equal(filled(mask, 100) > 0, mask > 0)
