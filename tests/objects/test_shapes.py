from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_scsam.config import UserError
from napari_scsam.objects.shapes import bridged, filled, grown, only_largest, shrunk, smoothed

FLAT = (1.0, 1.0)


def ball(shape, centre, radius, spacing=None) -> np.ndarray:
    spacing = spacing or (1,) * len(shape)
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    return (
        sum(((g - c) * s) ** 2 for g, c, s in zip(grid, centre, spacing, strict=True)) <= radius**2
    )


def block_of(mask, value=3, dtype=np.uint16) -> np.ndarray:
    return np.where(mask, value, 0).astype(dtype)


def test_holes_are_filled_but_for_what_lies_in_them():
    mask = ball((30, 30), (15, 15), 10) & ~ball((30, 30), (15, 15), 4)
    block = block_of(mask)
    block[15, 15] = 7
    after = filled(block, mask)
    assert after[15, 15] == 7
    assert np.count_nonzero(after == 3) == np.count_nonzero(ball((30, 30), (15, 15), 10)) - 1
    with pytest.raises(UserError, match="no hole"):
        filled(after, after > 0)


def test_a_slice_of_a_volume_has_holes_but_a_pit_is_none():
    ring = ball((30, 30), (15, 15), 10) & ~ball((30, 30), (15, 15), 4)
    for axis in range(3):
        mask = np.expand_dims(ring, axis)
        assert filled(block_of(mask), mask).sum() == 3 * ball((30, 30), (15, 15), 10).sum()
    pit = np.stack([np.zeros_like(ring), ring, ball((30, 30), (15, 15), 10), np.zeros_like(ring)])
    with pytest.raises(UserError):
        filled(block_of(pit), pit)


def test_growing_goes_by_distance_and_over_background_only():
    mask = ball((40, 40), (20, 20), 8)
    block = block_of(mask)
    block[20, 30:] = 9
    after = grown(block, mask, 4, FLAT)
    assert (after[20, 30:] == 9).all()
    reached = ndimage.binary_dilation(mask, ball((9, 9), (4, 4), 4))
    np.testing.assert_array_equal(after == 3, reached & (block != 9))


def test_growing_in_thick_slices_goes_less_far_along_z():
    mask = np.zeros((9, 41, 41), bool)
    mask[4, 20, 20] = True
    after = grown(block_of(mask), mask, 10, (5, 1, 1))
    np.testing.assert_array_equal(after > 0, ball(mask.shape, (4, 20, 20), 10, (5, 1, 1)))
    assert after[2, 20, 20]
    assert not after[1].any()


def test_shrinking_leaves_background_and_not_from_the_images_border():
    mask = ball((40, 40), (20, 20), 10)
    after = shrunk(block_of(mask), mask, 3, FLAT)
    assert 0 < np.count_nonzero(after) < np.count_nonzero(ball((40, 40), (20, 20), 7.5))
    cut = mask[20:]
    assert shrunk(block_of(cut), cut, 3, FLAT)[0, 20] == 3
    with pytest.raises(UserError, match="nothing of the object"):
        shrunk(block_of(mask), mask, 11, FLAT)


def test_smoothing_takes_spikes_and_keeps_the_size():
    mask = ball((40, 40), (20, 20), 10)
    rough = mask.copy()
    rough[20, 30:38] = True
    rough[20, 12:16] = False
    after = smoothed(block_of(rough), rough, 2, FLAT) > 0
    assert not after[20, 33:].any()
    assert after[20, 12:16].all()
    assert abs(after.sum() - mask.sum()) < 0.05 * mask.sum()
    speck = ball((20, 20), (10, 10), 1)
    with pytest.raises(UserError, match="choose less"):
        smoothed(block_of(speck), speck, 4, FLAT)


def test_only_the_largest_piece_stays():
    mask = ball((30, 60), (15, 15), 8) | ball((30, 60), (15, 45), 5)
    after = only_largest(block_of(mask), mask)
    np.testing.assert_array_equal(after > 0, ball((30, 60), (15, 15), 8))
    with pytest.raises(UserError, match="one piece"):
        only_largest(after, after > 0)


def test_a_bridge_is_short_and_respects_others():
    one, other = ball((40, 60), (20, 15), 10), ball((40, 60), (20, 42), 10)
    block = block_of(one | other)
    after = bridged(block, one, other, 12, FLAT)
    added = (after > 0) & ~(one | other)
    assert added[20, 26:32].all()
    assert 5 <= added.sum() <= 80
    with pytest.raises(UserError, match="7 pixels wide"):
        bridged(block, one, other, 5, FLAT)
    block[:, 28] = 7
    with pytest.raises(UserError, match="something else"):
        bridged(block, one, other, 12, FLAT)
