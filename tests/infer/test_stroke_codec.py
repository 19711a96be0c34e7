"""What strokes taught, as text and back."""

from __future__ import annotations

import base64
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load, save

from napari_scsam.config import UserError
from napari_scsam.infer.ferns import Ferns
from napari_scsam.infer.stroke_classifier import StrokeClassifier, TaughtAnswer
from napari_scsam.infer.stroke_codec import (
    decode_class,
    encode_class,
    lesson_arrays,
    read_lesson_arrays,
    slice_name,
)
from napari_scsam.infer.stroke_lessons import Lesson

FINE, COARSE = 3, 4


def classifier(seed: int) -> StrokeClassifier:
    chance = np.random.default_rng(seed)
    count = FINE + COARSE
    ferns = Ferns(
        chance.integers(0, FINE, (5, 2)),
        chance.normal(size=(5, 2)).astype(np.float32),
        chance.random((5, 4)).astype(np.float32),
    )
    return StrokeClassifier(
        chance.normal(size=count).astype(np.float32),
        1 + chance.random(count).astype(np.float32),
        chance.normal(size=count + 1).astype(np.float32),
        ferns,
        0.25 * seed,
    )


def lesson(seed: int) -> Lesson:
    chance = np.random.default_rng(seed)
    return Lesson(
        chance.normal(size=(6, FINE + COARSE)).astype(np.float16).astype(np.float32),
        np.array([True, True, False, False, True, False]),
        np.array([0, 0, 1, 1, 2, 3]),
        np.array([1.0, 1.0, 1.0, 1.0, 0.5, 0.5]),
        chance.normal(size=(4, FINE + COARSE)).astype(np.float16).astype(np.float32),
        FINE,
    )


def assert_same_lesson(found: Lesson, expected: Lesson) -> None:
    for name in ("values", "positive", "stroke", "worth", "context"):
        one, other = getattr(found, name), getattr(expected, name)
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype, name
    assert found.fine == expected.fine


def test_a_class_comes_back_with_all_its_fits_and_lessons() -> None:
    answer = TaughtAnswer((classifier(1), classifier(2)))
    lessons = {"a1": lesson(1), "b2": lesson(2)}
    found, again = decode_class(encode_class(answer, lessons))
    assert len(found.fits) == 2
    for one, other in zip(found.fits, answer.fits, strict=True):
        for name, values in other.to_arrays().items():
            np.testing.assert_array_equal(one.to_arrays()[name], values)
    assert again.keys() == lessons.keys()
    for name, each in lessons.items():
        assert_same_lesson(again[name], each)


def test_the_answers_of_a_class_that_came_back_are_the_same() -> None:
    answer = TaughtAnswer((classifier(1), classifier(3)))
    values = lesson(5).values
    found, _ = decode_class(encode_class(answer, {}))
    for one, other in zip(found.fits, answer.fits, strict=True):
        np.testing.assert_array_equal(one.at(values), other.at(values))


def test_the_text_fits_into_json_and_is_always_the_same() -> None:
    answer = TaughtAnswer((classifier(1),))
    text = encode_class(answer, {"a1": lesson(1)})
    assert text.isascii()
    assert "\n" not in text
    assert text == encode_class(answer, {"a1": lesson(1)})


def test_features_are_kept_in_half_precision() -> None:
    arrays = lesson_arrays(lesson(1))
    assert arrays["values"].dtype == np.float16
    assert arrays["context"].dtype == np.float16
    assert_same_lesson(read_lesson_arrays(arrays), lesson(1))


def without(text: str, key: str) -> str:
    arrays = load(base64.b64decode(text))
    del arrays[key]
    return base64.b64encode(save(arrays)).decode("ascii")


GOOD = encode_class(TaughtAnswer((classifier(1),)), {"a1": lesson(1)})


@pytest.mark.parametrize(
    "text",
    [
        "not base64!",
        GOOD[:-8],
        base64.b64encode(b"nothing").decode(),
        without(GOOD, "fit/0/threshold"),
        without(GOOD, "lesson/a1/fine"),
    ],
)
def test_damaged_text_is_told(text: str) -> None:
    with pytest.raises(UserError, match="what strokes taught is damaged; teach the class again"):
        decode_class(text)


def test_a_slice_has_one_name_and_another_slice_another() -> None:
    one = SimpleNamespace(key=("cell.tif", 3))
    assert slice_name(one) == slice_name(SimpleNamespace(key=("cell.tif", 3)))
    assert slice_name(one) != slice_name(SimpleNamespace(key=("cell.tif", 4)))
    assert len(slice_name(one)) == 16
    assert "/" not in slice_name(one)
