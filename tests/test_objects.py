"""Object F1 and panoptic quality, against a scan of every pair of objects."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from napari_scsam.metrics import ObjectMatch, object_match


def by_pairs(predicted: np.ndarray, truth: np.ndarray) -> ObjectMatch:
    (ours, n), (theirs, m) = (ndimage.label(mask, np.ones((3, 3))) for mask in (predicted, truth))
    ious = [((ours == i) & (theirs == j)).sum() / ((ours == i) | (theirs == j)).sum() for i in range(1, n + 1) for j in range(1, m + 1)]
    hits = [float(iou) for iou in ious if iou > 0.5]
    return ObjectMatch(len(hits), n, m, sum(hits))


@pytest.mark.parametrize("seed", range(5))
def test_matches_equal_a_scan_of_every_pair(seed: int) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((2, 60, 80)), (0, 3, 3))
    truth = noise[0] > 0.1
    predicted = noise[0] + 0.4 * noise[1] > 0.1
    found, expected = object_match(predicted, truth), by_pairs(predicted, truth)
    assert (found.matched, found.predicted, found.truth) == (expected.matched, expected.predicted, expected.truth)
    assert found.iou == pytest.approx(expected.iou)
    assert 0 < found.matched < found.truth


def test_known_scene() -> None:
    truth, predicted = np.zeros((2, 20, 20), bool)
    truth[0:4, 0:4] = predicted[0:4, 0:3] = True  # IoU 12/16
    truth[8:12, 0:4] = predicted[8:12, 0:2] = True  # IoU exactly 1/2: no match
    truth[15:18, 15:18] = True  # missed
    match = object_match(predicted, truth)
    assert match == ObjectMatch(1, 2, 3, 0.75)
    assert match.f1 == pytest.approx(2 / 5)
    assert match.pq == pytest.approx(0.75 * 2 / 5)


def test_specks_do_not_count() -> None:
    truth, predicted = np.zeros((2, 20, 20), bool)
    truth[2:7, 2:7] = predicted[2:7, 2:7] = True
    truth[10:12, 10:12] = predicted[10:12, 10:12] = predicted[15, 15] = True
    assert object_match(predicted, truth) == ObjectMatch(2, 3, 2, 2.0)
    assert object_match(predicted, truth, smallest=4) == ObjectMatch(2, 2, 2, 2.0)
    assert object_match(predicted, truth, smallest=5) == ObjectMatch(1, 1, 1, 1.0)
    assert object_match(predicted, truth, smallest=26) == ObjectMatch(0, 0, 0, 0.0)


def test_a_merged_object_matches_at_most_one() -> None:
    truth = np.ones((10, 21), bool)
    truth[:, 12] = False
    assert object_match(np.ones((10, 21), bool), truth) == ObjectMatch(1, 1, 2, pytest.approx(120 / 210))


def test_corners_join() -> None:
    assert object_match(np.eye(5, dtype=bool), np.eye(5, dtype=bool)) == ObjectMatch(1, 1, 1, 1.0)


def test_slices_add_up_and_nothing_has_no_score() -> None:
    nothing, all_ = np.zeros((4, 4), bool), np.ones((4, 4), bool)
    total = object_match(all_, all_) + object_match(all_, nothing) + object_match(nothing, all_)
    assert (total.f1, total.pq) == (0.5, 0.5)
    assert math.isnan(object_match(nothing, nothing).f1)
    assert math.isnan(object_match(nothing, nothing).pq)
