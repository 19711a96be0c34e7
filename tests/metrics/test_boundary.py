"""Boundary F1, against distance transforms and drawings of known distance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from napari_scsam.metrics import BoundaryMatch, boundary_match


def square(shape: tuple[int, int], y: int, x: int, side: int) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[y : y + side, x : x + side] = True
    return mask


def by_distance_transform(
    predicted: np.ndarray, truth: np.ndarray, tolerance: float, pixel_size: tuple[float, float]
) -> BoundaryMatch:
    """The same count the slow way."""
    ours, theirs = (
        mask & ~ndimage.binary_erosion(mask, border_value=1) for mask in (predicted, truth)
    )

    def near(places: np.ndarray, others: np.ndarray) -> int:
        if not others.any():
            return 0
        return int(
            (
                ndimage.distance_transform_edt(~others, sampling=pixel_size)[places] <= tolerance
            ).sum()
        )

    return BoundaryMatch(near(ours, theirs), int(ours.sum()), near(theirs, ours), int(theirs.sum()))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("tolerance", "pixel_size"),
    [(1.0, (1.0, 1.0)), (2.0, (1.0, 1.0)), (10.0, (5.0, 5.0)), (12.0, (8.0, 3.0))],
)
def test_counts_equal_those_of_a_distance_transform(
    seed: int, tolerance: float, pixel_size: tuple[float, float]
) -> None:
    noise = np.random.default_rng(seed).standard_normal((2, 60, 70))
    predicted, truth = ndimage.gaussian_filter(noise, (0, 3, 3)) > 0.03
    expected = by_distance_transform(predicted, truth, tolerance, pixel_size)
    assert boundary_match(predicted, truth, tolerance, pixel_size) == expected
    assert 0 < expected.precise < expected.predicted


def test_a_moved_square_agrees_within_the_tolerance_alone() -> None:
    truth, moved = square((40, 40), 10, 10, 12), square((40, 40), 13, 10, 12)
    assert boundary_match(truth, truth, 0.5).f1 == 1
    assert boundary_match(moved, truth, 3).f1 == 1
    assert boundary_match(moved, truth, 2.9).f1 < 1
    assert boundary_match(square((40, 40), 30, 30, 5), square((40, 40), 5, 5, 5), 3).f1 == 0


def test_distances_are_measured_in_the_unit_of_the_pixels() -> None:
    truth, lower, righter = (square((40, 40), y, x, 12) for y, x in ((10, 10), (12, 10), (10, 12)))
    assert boundary_match(lower, truth, 8, (4, 30)).f1 == 1
    assert boundary_match(righter, truth, 8, (4, 30)).f1 < 1


def test_f1_is_the_harmonic_mean_over_slices() -> None:
    total = BoundaryMatch(4, 10, 1, 2) + BoundaryMatch(2, 10, 1, 6)
    assert total.f1 == pytest.approx(2 * 0.3 * 0.25 / 0.55)


def test_one_outline_alone_scores_0_and_none_no_score() -> None:
    mask, nothing = square((9, 9), 3, 3, 3), np.zeros((9, 9), bool)
    assert boundary_match(mask, nothing, 1).f1 == boundary_match(nothing, mask, 1).f1 == 0
    assert math.isnan(boundary_match(nothing, nothing, 1).f1)
    assert math.isnan(
        boundary_match(~nothing, ~nothing, 1).f1
    )  # the border of the image is no outline
