"""The share of the parent is the usual one, unless another is clearly better."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from napari_scsam.train.finetune.region_counts import RegionCounts
from napari_scsam.train.finetune.shares import LEAST_AGREEMENT, choose_share, gain_error
from napari_scsam.train.finetune.validation import Validation


def found(dice: Sequence[float], held: float = 1.0) -> Validation:
    """A validation of one class, with the Dice of each region."""
    both = np.round(1000 * np.array([dice])).astype(np.int64)
    size = np.full_like(both, 1000)
    counts = RegionCounts(size, both, size)
    return Validation({"er": float(counts.dice()[0])}, {"PSD": held}, counts)


def test_the_usual_share_is_kept_where_others_are_better_by_luck() -> None:
    usual, other = found([0.7] * 6), found([0.7, 0.7, 0.9, 0.7, 0.7, 0.7])
    assert choose_share({0.25: usual, 0.5: other}) == 0.25


def test_a_clearly_better_share_is_taken() -> None:
    usual, other = found([0.6, 0.7, 0.8]), found([0.65, 0.75, 0.85])
    assert choose_share({0.25: usual, 0.5: other, 0.75: usual}) == 0.5


def test_what_forgets_is_not_taken() -> None:
    forgets, keeps = found([0.9] * 3, 0.5), found([0.6] * 3, LEAST_AGREEMENT)
    assert choose_share({0.25: forgets, 0.5: keeps}) == 0.5
    worse = found([0.9] * 3, 0.4)
    assert choose_share({0.25: worse, 0.5: forgets}) == 0.5


def test_the_error_of_a_gain_is_of_its_differences() -> None:
    before = found([0.2, 0.5, 0.8])
    assert gain_error(before, found([0.3, 0.6, 0.9])) == pytest.approx(0, abs=1e-12)
    assert gain_error(before, found([0.2, 0.5, 1.0])) > 0.05
    assert gain_error(before, Validation({}, {})) == math.inf
    assert gain_error(found([0.2]), found([0.3])) == math.inf
