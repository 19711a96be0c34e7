"""The picture of a run's curves: colours, axes, and curves where they belong."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.config import distinct_colour
from napari_scsam.infer.picture import rgb
from napari_scsam.train.curves import (
    BOTTOM,
    LEFT,
    POINTS,
    RIGHT,
    SIZE,
    TOP,
    averaged_curve,
    draw_curves,
    places,
)


def pixels_of(canvas: np.ndarray, number: int) -> np.ndarray:
    """Where the curve of that number is: rows of (y, x) inside the axes."""
    found = np.argwhere((canvas == rgb(distinct_colour(number))).all(-1))
    return found[found[:, 0] >= TOP - 2]


def test_a_falling_loss_falls_and_a_constant_one_is_level() -> None:
    canvas = np.asarray(
        draw_curves([1, 2, 3, 4], {"loss": [4.0, 3.0, 2.0, 0.0], "class": [2.0, 2.0, 2.0, 2.0]})
    )
    assert canvas.shape == (SIZE[1], SIZE[0], 3)
    falling, level = pixels_of(canvas, 1), pixels_of(canvas, 2)
    first, last = falling[falling[:, 1].argmin()], falling[falling[:, 1].argmax()]
    assert abs(first - [TOP, LEFT]).max() <= 2
    assert abs(last - [SIZE[1] - BOTTOM, SIZE[0] - RIGHT]).max() <= 2
    assert np.ptp(level[:, 0]) <= 2
    assert abs(level[:, 0].mean() - (TOP + (SIZE[1] - TOP - BOTTOM) / 2)) <= 2


def test_long_curves_are_averaged() -> None:
    noise = np.random.default_rng(0).normal(size=60 * POINTS)
    short = averaged_curve((np.arange(60 * POINTS) + noise).tolist())
    assert len(short) == POINTS
    assert (np.diff(short) > 0).all()
    assert short.mean() == pytest.approx((60 * POINTS - 1) / 2, abs=1)
    assert averaged_curve([3, 1, 2]).tolist() == [3, 1, 2]


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_one_step_is_a_picture_too(value: float) -> None:
    assert draw_curves([1], {"loss": [value]}).size == SIZE
    assert places(np.array([1.0]), np.array([0.5]), 1.0) == [
        (LEFT, TOP + (SIZE[1] - TOP - BOTTOM) / 2)
    ]
