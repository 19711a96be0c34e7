from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.infer.patch import (
    Patch,
    agreement,
    crop,
    deepest,
    largest_region,
    remove_small_components,
)


def test_agreement_of_masks_on_different_parts_of_a_slice():
    square = Patch(np.ones((4, 4), bool), 10, 10)
    assert agreement(square, square) == 1
    assert agreement(square, Patch(np.ones((4, 4), bool), 10, 12)) == pytest.approx(8 / 24)
    assert agreement(square, Patch(np.ones((4, 4), bool), 30, 30)) == 0


def test_cropping_keeps_the_place():
    mask = np.zeros((9, 12), bool)
    mask[3:5, 6:11] = True
    cropped = crop(Patch(mask, 100, 200))
    assert cropped.mask.all()
    assert cropped.box == (206, 103, 211, 105)
    assert crop(Patch(np.zeros((3, 4), bool), 1, 2)).mask.size == 0


def test_the_deepest_point_and_the_largest_region():
    mask = np.zeros((20, 30), bool)
    mask[2:9, 3:10] = True
    mask[15, 20:25] = True
    largest = largest_region(mask)
    assert largest.box == (3, 2, 10, 9)
    assert deepest(Patch(largest.mask, 50, 60)) == (53, 63)


def test_crumbs_go_unless_they_are_pointed_at():
    mask = np.zeros((40, 40), bool)
    mask[5:25, 5:25] = mask[30:38, 30:38] = True  # 400 and 64 pixels
    crumbs = np.zeros_like(mask)
    crumbs[0:3, 30:33] = crumbs[30:33, 0:3] = True
    patch = Patch(mask | crumbs, 100, 200)
    assert np.array_equal(remove_small_components(patch).mask, mask)
    kept = remove_small_components(patch, [(231.2, 101.4), (999.0, 0.0), (205.0, 105.0)])
    assert kept.mask.sum() == mask.sum() + 9
    assert kept.mask[1, 31]
    assert (kept.y, kept.x) == (100, 200)
    one = Patch(mask[:28], 0, 0)
    assert remove_small_components(one) is one
