"""Scores as people read them, and as programs do."""

from __future__ import annotations

import json
import math

import pytest

from napari_scsam.train.scoring.score_text import bracket, counted, nan_to_none, number


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.0, "0.000"), (0.12349, "0.123"), (0.9996, "1.000")]
)
def test_a_score_has_three_digits_and_a_missing_one_is_a_dash(
    value: float | None, text: str
) -> None:
    assert number(value) == text


def test_an_interval_is_in_brackets_and_a_missing_one_is_empty() -> None:
    assert bracket((0.51249, 0.6337)) == "[0.512, 0.634]"
    assert bracket([0, 1]) == "[0.000, 1.000]"
    assert bracket(None) == ""


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 slices"), (1, "1 slice"), (2, "2 slices"), (1000, "1000 slices")]
)
def test_only_one_is_singular(count: int, text: str) -> None:
    assert counted(count, "slice") == text


def test_nan_becomes_none_at_every_depth() -> None:
    scores = {"dice": math.nan, "classes": {"PSD": {"iou": math.nan, "slices": 3}}}
    assert nan_to_none(scores) == {"dice": None, "classes": {"PSD": {"iou": None, "slices": 3}}}


def test_an_interval_of_nothing_else_is_one_none() -> None:
    assert nan_to_none([math.nan, math.nan]) is None
    assert nan_to_none([math.nan, 0.5]) == [None, 0.5]
    assert nan_to_none([]) == []


def test_a_list_of_missing_intervals_is_missing_too() -> None:
    assert nan_to_none([[math.nan, math.nan], [math.nan]]) is None
    assert nan_to_none([[math.nan, math.nan], [0.1, 0.2]]) == [None, [0.1, 0.2]]


@pytest.mark.parametrize("value", [0, 1.5, math.inf, "nan", True, None])
def test_every_other_value_stays(value: object) -> None:
    assert nan_to_none(value) is value


def test_the_result_is_strict_json_and_the_scores_stay_as_they_were() -> None:
    scores = {"a": [math.nan, 1.0]}
    assert json.dumps(nan_to_none(scores), allow_nan=False) == '{"a": [null, 1.0]}'
    assert math.isnan(scores["a"][0])
