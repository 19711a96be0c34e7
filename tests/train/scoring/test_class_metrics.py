"""What is counted of a class on a slice, and the scores of the sums, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.train.scoring.class_metrics import (
    SCORE_COLUMNS,
    ClassSlice,
    MatchLimits,
    ScoreColumn,
    count_class,
    pool_class,
    scores_of,
)

LIMITS = MatchLimits(1.0, "px", (1.0, 1.0), smallest=3)


def mask(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Return a 12×15 mask of boxes (top, left, bottom, right)."""
    made = np.zeros((12, 15), bool)
    for top, left, bottom, right in boxes:
        made[top:bottom, left:right] = True
    return made


def one(predicted: np.ndarray, truth: np.ndarray, limits: MatchLimits = LIMITS) -> ClassSlice:
    return ClassSlice(predicted, truth, predicted.astype(np.float32), limits)


def test_equal_masks_score_1_and_are_perfectly_calibrated() -> None:
    shape = mask((2, 2, 6, 8))
    scores = scores_of(count_class(one(shape, shape)))
    assert scores.pop("calibration_error") == pytest.approx(0)
    assert set(scores.values()) == {1.0}


def test_a_shifted_box_has_the_overlap_that_is_counted_by_hand() -> None:
    # 4×6 = 24 pixels each, 4×4 = 16 of them shared; one object on each side, IoU 16 / 32
    counts = count_class(one(mask((2, 2, 6, 8)), mask((2, 4, 6, 10))))
    scores = scores_of(counts)
    assert scores["dice"] == pytest.approx(32 / 48)
    assert scores["iou"] == pytest.approx(16 / 32)
    assert scores["object_f1"] == 0, "an IoU of one half is not above one half"
    # Of 16 outline pixels, two columns of 4 lie outside the other box; the nearer one is 1 away.
    assert 0 < scores["boundary_f1"] < 1
    # Certain of 24 pixels, 16 right; certain of 156 others, 148 right.
    assert scores["calibration_error"] == pytest.approx((8 + 8) / 180)


def test_the_tolerance_decides_whether_outlines_agree() -> None:
    near = one(mask((2, 2, 6, 8)), mask((2, 3, 6, 9)))
    assert scores_of(count_class(near))["boundary_f1"] == 1
    coarse = near._replace(limits=LIMITS._replace(pixel_size=(1.0, 2.0)))
    assert scores_of(count_class(coarse))["boundary_f1"] < 1


def test_objects_below_the_smallest_do_not_count() -> None:
    big, speck = (2, 2, 6, 8), (9, 9, 10, 11)
    with_speck = one(mask(big, speck), mask(big))
    scores = scores_of(count_class(with_speck))
    assert scores["object_f1"] == scores["pq"] == 1
    assert scores["dice"] == pytest.approx(48 / 50)
    strict = with_speck._replace(limits=LIMITS._replace(smallest=2))
    assert scores_of(count_class(strict))["object_f1"] == pytest.approx(2 / 3)


def test_a_class_in_neither_mask_has_nothing_to_score() -> None:
    scores = scores_of(count_class(one(mask(), mask())))
    assert scores.pop("calibration_error") == 0
    assert all(math.isnan(value) for value in scores.values())


def test_a_class_that_was_missed_scores_0() -> None:
    scores = scores_of(count_class(one(mask(), mask((2, 2, 6, 8)))))
    assert [scores[name] for name in ("dice", "iou", "boundary_f1", "object_f1", "pq")] == [0] * 5


def test_counts_are_added_over_slices_before_they_are_scored() -> None:
    right = count_class(one(mask((0, 0, 2, 5)), mask((0, 0, 2, 5))))  # 10 pixels, all right
    wrong = count_class(one(mask((0, 0, 5, 6)), mask((6, 0, 11, 6))))  # 30 pixels, none right
    scores = scores_of(pool_class([right, wrong]))
    assert scores["dice"] == pytest.approx(2 * 10 / (40 + 40)), "not the mean of 1 and 0"
    assert scores["object_f1"] == pytest.approx(2 * 1 / (2 + 2))
    assert scores_of(pool_class(iter([right]))) == pytest.approx(scores_of(right))


def test_every_column_has_a_score_and_a_heading_that_fits() -> None:
    scores = scores_of(count_class(one(mask((1, 1, 4, 4)), mask((1, 1, 4, 4)))))
    assert list(scores) == [column.name for column in SCORE_COLUMNS]
    assert all(len(column.heading) < column.width for column in SCORE_COLUMNS)
    assert ScoreColumn("pq", "PQ", "pq").width == 6
    assert ScoreColumn("boundary_f1", "boundary F1", "f1").width == 12


def test_limits_are_two_pixels_of_the_longer_side() -> None:
    limits = MatchLimits.for_pixels((40.0, 6.0, 8.0))
    assert limits[:3] == (16.0, "nm", (6.0, 8.0))
    assert MatchLimits.for_pixels(None, smallest=7) == (2.0, "px", (1.0, 1.0), 7)
    assert MatchLimits.for_pixels((40.0, 6.0, 8.0), nm=5.0).tolerance == 5.0


def test_limits_say_in_a_few_words_what_they_are() -> None:
    assert str(MatchLimits(12.5, "nm", (8.0, 8.0), 24)) == (
        "boundary tolerance 12.5 nm; objects of 24 pixels or more"
    )
    assert str(MatchLimits.for_pixels(None, smallest=3)) == (
        "boundary tolerance 2 px (voxel size unknown); objects of 3 pixels or more"
    )


@pytest.mark.parametrize("nm", [0.0, -3.0, math.nan, math.inf])
def test_a_tolerance_must_be_above_0_even_where_the_size_is_unknown(nm: float) -> None:
    with pytest.raises(UserError, match="nm is not usable; give one above 0"):
        MatchLimits.for_pixels(None, nm)
