"""Bootstrap intervals, against what statistics say of means."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from napari_scsam.metrics import interval, resamples


def test_every_drawing_has_as_many_as_there_are_and_the_seed_fixes_it() -> None:
    drawn = resamples(7, draws=50)
    assert drawn.shape == (50, 7)
    assert (drawn.sum(1) == 7).all()
    np.testing.assert_array_equal(drawn, resamples(7, draws=50))
    assert (drawn != resamples(7, draws=50, seed=1)).any()
    assert resamples(1).tolist() == [[1]] * 1000


def test_the_interval_of_a_mean_is_that_of_the_normal_law() -> None:
    values = np.random.default_rng(3).standard_normal(400)
    low, high = interval(resamples(400, 4000) @ values / 400)
    error = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - error, abs=0.01)
    assert high == pytest.approx(values.mean() + error, abs=0.01)


def test_a_lower_level_is_narrower() -> None:
    low, high = interval(np.arange(101.0), 0.5)
    assert (low, high) == (25, 75)


def test_drawings_without_a_score_are_left_out() -> None:
    drawn = np.array([[0.5, np.nan], [np.nan, np.nan], [0.5, np.nan]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(interval(drawn), [[0.5, np.nan], [0.5, np.nan]])
