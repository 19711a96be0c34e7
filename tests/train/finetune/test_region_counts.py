"""Dice over regions and its error, computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_scsam.train.finetune.known_labels import UNKNOWN
from napari_scsam.train.finetune.region_counts import count_regions, jackknife_error

ANSWERS = [np.array([[1, 1, 2]], np.uint8), np.array([[0, 2, 2]], np.uint8)] * 2
TARGETS = [np.array([[1, 0, UNKNOWN]], np.uint8), np.array([[1, 2, 2]], np.uint8)] * 2


def test_crops_of_one_region_are_counted_together() -> None:
    counts = count_regions(ANSWERS, TARGETS, ["a", "b", "b", "c"], 2)
    assert counts.regions == 3
    assert counts.found.tolist() == [[2, 2, 0], [0, 2, 2]]
    assert counts.both.tolist() == [[1, 1, 0], [0, 2, 2]]
    assert counts.truth.tolist() == [[1, 2, 1], [0, 2, 2]]
    assert counts.dice() == pytest.approx([4 / 8, 1.0])
    assert counts.of_class(1).dice() == pytest.approx([1.0])


def test_each_region_is_left_out_in_turn() -> None:
    counts = count_regions(ANSWERS, TARGETS, ["a", "b", "b", "c"], 2)
    left_out = counts.dice_without_each()
    for region in range(3):
        assert left_out[:, region] == pytest.approx(counts.without(region).dice())


def test_where_nothing_is_found_and_nothing_true_the_dice_is_0() -> None:
    nothing = np.zeros((2, 2), np.uint8)
    assert count_regions([nothing], [nothing], [0], 1).dice().tolist() == [0.0]


def test_the_error_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=12)
    without_each = (values.sum() - values) / 11
    expected = values.std(ddof=1) / math.sqrt(12)
    assert jackknife_error(without_each) == pytest.approx(expected)


def test_one_region_tells_nothing_of_others() -> None:
    assert jackknife_error(np.array([0.5])) == math.inf
