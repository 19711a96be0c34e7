"""Dice and IoU, against counting by hand."""

from __future__ import annotations

import math
from functools import reduce
from operator import add

import numpy as np
import pytest

from napari_scsam.metrics import Overlap, dice, iou, mean, overlaps


def test_perfect_and_disjoint() -> None:
    truth = np.array([[1, 1, 0], [2, 2, 0]], np.uint8)
    same = overlaps(truth, truth, [1, 2])
    assert [o.dice for o in same.values()] == [o.iou for o in same.values()] == [1, 1]
    other = overlaps(truth[::-1], truth, [1, 2])
    assert [o.dice for o in other.values()] == [o.iou for o in other.values()] == [0, 0]


def test_half_overlap() -> None:
    predicted, truth = np.array([1, 1, 0, 0]), np.array([0, 1, 1, 0])
    overlap = overlaps(predicted, truth, [1])[1]
    assert overlap == Overlap(both=1, predicted=2, truth=2)
    assert overlap.dice == 0.5
    assert overlap.iou == pytest.approx(1 / 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint64])
def test_counts_equal_counting_by_hand(dtype: type) -> None:
    rng = np.random.default_rng(0)
    predicted, truth = rng.integers(0, 9, (2, 3, 40, 50)).astype(dtype)
    for i, overlap in overlaps(predicted, truth, [1, 4, 8, 20]).items():
        p, t = predicted == i, truth == i
        assert overlap == Overlap(int((p & t).sum()), int(p.sum()), int(t.sum()))


def test_values_that_are_no_class_are_left_out_and_cost_nothing() -> None:
    predicted, truth = np.array([1, 60_000, 0]), np.array([1, 1, 65_000])
    assert overlaps(predicted, truth, [1]) == {1: Overlap(1, 1, 2)}


def test_slices_add_up_before_dividing() -> None:
    truth = np.zeros((2, 4), np.uint8)
    truth[0, :2] = 1
    predicted = np.zeros_like(truth)
    predicted[0, :1] = 1
    total = reduce(add, (overlaps(p, t, [1])[1] for p, t in zip(predicted, truth, strict=True)))
    assert total == overlaps(predicted, truth, [1])[1]
    assert total.dice == pytest.approx(2 / 3)


def test_class_that_never_occurs_has_no_score() -> None:
    nothing = overlaps(np.zeros(4, np.uint8), np.zeros(4, np.uint8), [3])[3]
    assert math.isnan(nothing.dice)
    assert math.isnan(nothing.iou)
    assert mean([nothing.dice, 0.5, 1.0]) == 0.75
    assert math.isnan(mean([nothing.dice]))


def test_many_overlaps_at_once_equal_one_by_one() -> None:
    counts = np.random.default_rng(0).integers(0, 3, (4, 5, 3))
    counts[..., 1:] += counts[..., :1]
    each = [[Overlap(*map(int, row)) for row in rows] for rows in counts]
    np.testing.assert_array_equal(dice(counts), [[o.dice for o in row] for row in each])
    np.testing.assert_array_equal(iou(counts), [[o.iou for o in row] for row in each])
