"""Matched objects, against areas and overlaps counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_scsam.metrics import ObjectMatch, object_match, pooled
from napari_scsam.metrics.objects import MATCH_IOU, match_numbered, numbered


def mask(*boxes: tuple[int, int, int, int], shape: tuple[int, int] = (20, 40)) -> np.ndarray:
    """Draw boxes (y0, y1, x0, x1)."""
    drawn = np.zeros(shape, bool)
    for y0, y1, x0, x1 in boxes:
        drawn[y0:y1, x0:x1] = True
    return drawn


def test_the_same_objects_match_perfectly() -> None:
    truth = mask((0, 4, 0, 5), (10, 14, 10, 13))
    match = object_match(truth, truth)
    assert match == ObjectMatch(matched=2, predicted=2, truth=2, iou=2.0)
    assert match.f1 == match.pq == 1


def test_shifted_missed_and_invented_objects() -> None:
    truth = mask((0, 4, 0, 5), (10, 14, 10, 13))  # 20 and 12 pixels
    predicted = mask((0, 4, 1, 6), (0, 2, 30, 33))  # 16 pixels of the first, and one elsewhere
    match = object_match(predicted, truth)
    assert (match.matched, match.predicted, match.truth) == (1, 2, 2)
    assert match.iou == pytest.approx(16 / 24)
    assert match.f1 == pytest.approx(0.5)
    assert match.pq == pytest.approx(16 / 24 / 2)


def test_an_iou_of_exactly_one_half_is_no_match() -> None:
    assert MATCH_IOU == 0.5
    truth = mask((0, 4, 0, 6))
    half = mask((0, 4, 0, 3))  # 12 of 24 pixels
    match = object_match(half, truth)
    assert match == ObjectMatch(matched=0, predicted=1, truth=1, iou=0.0)
    assert match.f1 == match.pq == 0
    more = mask((0, 4, 0, 3), (0, 1, 3, 4))  # 13 of 24
    assert object_match(more, truth) == ObjectMatch(1, 1, 1, 13 / 24)


def test_two_halves_of_an_object_do_not_both_match_it() -> None:
    truth = mask((0, 4, 0, 7))
    halves = mask((0, 4, 0, 3), (0, 4, 4, 7))  # 12 of 28 each, with a gap between
    assert object_match(halves, truth) == ObjectMatch(matched=0, predicted=2, truth=1, iou=0.0)


def test_one_prediction_over_two_objects_matches_the_larger_alone() -> None:
    truth = mask((0, 4, 0, 8), (0, 4, 9, 11))  # 32 and 8 pixels
    predicted = mask((0, 4, 0, 11))  # 44 pixels
    assert object_match(predicted, truth) == ObjectMatch(1, 1, 2, 32 / 44)


def test_pixels_that_share_a_corner_are_one_object() -> None:
    corner = mask((0, 2, 0, 2), (2, 4, 2, 4))
    assert object_match(corner, corner) == ObjectMatch(1, 1, 1, 1.0)
    apart = mask((0, 2, 0, 2), (2, 4, 3, 5))
    assert object_match(apart, apart) == ObjectMatch(2, 2, 2, 2.0)


def test_objects_below_the_smallest_size_are_left_out_of_both() -> None:
    truth = mask((0, 2, 0, 3), (10, 14, 10, 13))  # 6 and 12 pixels
    predicted = mask((0, 2, 0, 3), (10, 14, 10, 13), (18, 19, 0, 5))  # and 5 pixels
    assert object_match(predicted, truth, smallest=5) == ObjectMatch(2, 3, 2, 2.0)
    assert object_match(predicted, truth, smallest=6) == ObjectMatch(2, 2, 2, 2.0)
    assert object_match(predicted, truth, smallest=7) == ObjectMatch(1, 1, 1, 1.0)


def test_without_objects_there_is_no_score() -> None:
    nothing, something = mask(), mask((0, 4, 0, 5))
    assert math.isnan(object_match(nothing, nothing).f1)
    assert math.isnan(object_match(nothing, nothing).pq)
    assert object_match(something, nothing) == ObjectMatch(0, 1, 0, 0.0)
    assert object_match(nothing, something).f1 == 0


def test_counts_add_up_over_slices() -> None:
    one = ObjectMatch(matched=1, predicted=1, truth=2, iou=0.75)
    two = ObjectMatch(matched=2, predicted=3, truth=2, iou=1.5)
    both = pooled([one, two])
    assert both == ObjectMatch(3, 4, 4, 2.25)
    assert both.f1 == pytest.approx(6 / 8)
    assert both.pq == pytest.approx(4.5 / 8)


def test_numbers_are_consecutive_without_small_objects() -> None:
    numbers, areas = numbered(mask((0, 2, 0, 2), (5, 6, 0, 1), (10, 13, 0, 3)), 2)
    assert areas.tolist() == [4, 9]
    assert numbers[0, 0] == 1
    assert numbers[5, 0] == 0
    assert numbers[10, 0] == 2


def test_objects_with_numbers_are_matched_in_three_dimensions():
    truth = np.zeros((4, 6, 6), np.int64)
    truth[:, :3, :3] = 1
    truth[:, :3, 3:] = 2  # touches the first one
    found = truth.copy()
    found[2:][found[2:] == 2] = 3  # in two halves: an IoU of one half does not match
    result = match_numbered(found, truth)
    assert (result.matched, result.predicted, result.truth) == (1, 3, 2)
    assert result.f1 == 2 / 5
