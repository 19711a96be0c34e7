"""What strokes taught, as text."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from safetensors.numpy import load, save

from napari_scsam.config import UserError
from napari_scsam.infer.prepared_slice import Slice
from napari_scsam.infer.taught.answer import replay
from napari_scsam.infer.taught.codec import decode_class, encode_class, slice_name, sorted_by_name
from napari_scsam.infer.taught.lessons import Lesson, SliceFeatures, join_lessons
from napari_scsam.infer.taught.scale_space import FILTER_COUNT

CHANCE = np.random.default_rng(0)
FINE = FILTER_COUNT + 4


def features() -> SliceFeatures:
    fine = CHANCE.normal(size=(FINE, 24, 24)).astype(np.float32)
    fine[0, :, :12] += 3  # the left half is the class
    return SliceFeatures(fine, CHANCE.normal(size=(8, 3, 3)).astype(np.float32))


def lesson(corrects: int = 0) -> Lesson:
    positive = np.repeat([True, False], 20)
    values = CHANCE.normal(size=(40, FINE + 8)).astype(np.float16)
    values[positive, 0] += 3
    strokes = np.repeat(np.arange(4, dtype=np.int32), 10)
    rounds = np.full(40, corrects, np.int32)
    rounds[:5] = 0
    return Lesson(
        values,
        positive,
        strokes,
        rounds,
        CHANCE.normal(size=(30, FINE + 8)).astype(np.float16),
        FINE,
    )


def test_the_same_class_comes_back() -> None:
    shown = features()
    lessons = {"b": lesson(), "a": lesson()}
    answer = replay(join_lessons(sorted_by_name(lessons)), shown)
    text = encode_class(answer, lessons, {"a": {"membrane": 0.25, "odd/name": 1.0}})
    found, again, doubts = decode_class(text)
    np.testing.assert_array_equal(found.logits(shown), answer.logits(shown))
    assert doubts == {"a": {"membrane": 0.25, "odd/name": 1.0}}
    assert set(again) == {"a", "b"}
    np.testing.assert_array_equal(again["a"].values, lessons["a"].values)
    np.testing.assert_array_equal(again["b"].positive, lessons["b"].positive)
    assert again["a"].fine == FINE


def test_rounds_of_corrections_come_back() -> None:
    shown = features()
    lessons = {"a": lesson(), "b": lesson(corrects=1)}
    answer = replay(join_lessons(sorted_by_name(lessons)), shown)
    assert answer.rounds[0] == 0
    found, *_ = decode_class(encode_class(answer, lessons, {}))
    assert (found.rounds, found.shares) == (answer.rounds, answer.shares)
    np.testing.assert_array_equal(found.logits(shown), answer.logits(shown))


def test_a_text_is_small_and_only_text() -> None:
    lessons = {"a": lesson()}
    text = encode_class(replay(lessons["a"], features()), lessons, {})
    assert text.isascii()
    assert len(text) < 2 * lessons["a"].values.nbytes + 40_000


def damaged(drop: str) -> str:
    lessons = {"a": lesson()}
    good = load(base64.b64decode(encode_class(replay(lessons["a"], features()), lessons, {})))
    kept = {key: np.ascontiguousarray(v) for key, v in good.items() if not key.endswith(drop)}
    return base64.b64encode(save(kept)).decode()


@pytest.mark.parametrize("drop", ["rounds", "shares", "values", "positive", "fine"])
def test_what_lacks_a_part_is_damaged(drop: str) -> None:
    with pytest.raises(UserError, match="what strokes taught is damaged; teach the class again"):
        decode_class(damaged(drop))


@pytest.mark.parametrize("text", ["", "%%%", "AAAA", base64.b64encode(b"x" * 99).decode()])
def test_what_is_no_such_text_is_damaged(text: str) -> None:
    with pytest.raises(UserError, match="what strokes taught is damaged; teach the class again"):
        decode_class(text)


def test_the_name_of_a_slice_is_that_of_its_key() -> None:
    grey = np.zeros((4, 4), np.float32)
    one, same, other = (Slice(key, (4, 4), grey) for key in (("v", 1), ("v", 1), ("v", 2)))
    assert slice_name(one) == slice_name(same) != slice_name(other)
    assert len(slice_name(one)) == 16
