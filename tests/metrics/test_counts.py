"""Counts that add up, and ratios without a warning."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np

from napari_scsam.metrics import Counts, mean, pooled, ratio


@dataclass(frozen=True)
class Apples(Counts):
    red: int
    green: float


def test_counts_add_up_field_by_field() -> None:
    assert Apples(1, 2.5) + Apples(3, 4) == Apples(4, 6.5)
    assert pooled(Apples(n, -n) for n in range(5)) == Apples(10, -10)
    assert pooled([Apples(1, 2)]) == Apples(1, 2)


def test_nothing_to_divide_by_is_nan_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(ratio([0, 1, 3], [0, 4, 2]), [np.nan, 0.25, 1.5])
        assert math.isnan(ratio(0, 0))


def test_mean_leaves_nan_out() -> None:
    assert mean([math.nan, 1, 2]) == 1.5
    assert math.isnan(mean([]))
