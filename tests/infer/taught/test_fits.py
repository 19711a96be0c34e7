"""What is remembered of earlier rounds of strokes."""

from dataclasses import replace

import numpy as np
import pytest

from napari_scsam.infer.taught import fits
from napari_scsam.infer.taught.answer import replay
from napari_scsam.infer.taught.classifier import StrokeClassifier, fit_classifier
from napari_scsam.infer.taught.fits import (
    LOOKED_AT,
    LookedAt,
    RememberedFits,
    at_cells,
    digest,
)
from napari_scsam.infer.taught.lessons import Lesson, SliceFeatures, Stroke, read_lesson

SIZE = 60


@pytest.fixture
def shown() -> SliceFeatures:
    fine = np.random.default_rng(3).normal(size=(52, SIZE, SIZE)).astype(np.float32)
    return SliceFeatures(fine, np.zeros((256, 8, 8), np.float32))


@pytest.fixture
def lesson(shown: SliceFeatures) -> Lesson:
    """Three rounds of four strokes."""
    strokes = [
        Stroke(row % 2 == 0, row // 4, np.full(20, 3 * row), np.arange(20)) for row in range(12)
    ]
    return read_lesson(shown, strokes, (SIZE, SIZE))


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Cells of each lesson that a classifier is fitted to."""
    counts: list[int] = []

    def counted(lesson: Lesson, *, sharpens: bool = False) -> StrokeClassifier:
        counts.append(len(lesson.values))
        return fit_classifier(lesson, sharpens=sharpens)

    monkeypatch.setattr(fits, "fit_classifier", counted)
    return counts


def test_a_round_more_costs_one_fit(
    lesson: Lesson, shown: SliceFeatures, fitted: list[int]
) -> None:
    remembered = RememberedFits()
    first = replay(lesson.only(lesson.corrects < 2), shown, fit=remembered)
    assert len(fitted) == 2
    again = replay(lesson, shown, fit=remembered)
    assert len(fitted) == 3
    assert again.fits[: len(first.fits)] == first.fits


def test_remembered_fits_give_the_same_answer(lesson: Lesson, shown: SliceFeatures) -> None:
    remembered = RememberedFits()
    replay(lesson, shown, fit=remembered)
    again = replay(lesson, shown, fit=remembered)
    plain = replay(lesson, shown)
    assert again.shares == plain.shares
    np.testing.assert_array_equal(again.logits(shown), plain.logits(shown))


def test_anything_that_decides_a_fit_tells_it_from_others(lesson: Lesson) -> None:
    values = lesson.values.copy()
    values[0, 0] += 1
    others = [
        replace(lesson, values=values),
        replace(lesson, positive=~lesson.positive),
        replace(lesson, stroke=lesson.stroke + 1),
        replace(lesson, corrects=lesson.corrects * 0),
        replace(lesson, context=lesson.context[:-1]),
        lesson.only(lesson.corrects == 0),
    ]
    keys = {digest(each, sharpens=False) for each in [lesson, *others]}
    keys.add(digest(lesson, sharpens=True))
    assert len(keys) == len(others) + 2
    assert digest(lesson, sharpens=False) == digest(
        Lesson.from_arrays(lesson.to_arrays()), sharpens=False
    )


def test_the_least_recently_used_goes_first(lesson: Lesson, fitted: list[int]) -> None:
    remembered = RememberedFits(most=2)
    rounds = [lesson.only(lesson.corrects <= number) for number in range(3)]
    for number in (0, 1, 0, 2, 0):
        remembered(rounds[number])
    assert len(fitted) == 3
    remembered(rounds[1])
    assert len(fitted) == 4


def test_each_fit_is_asked_once_about_the_cells_that_are_looked_at(
    lesson: Lesson, shown: SliceFeatures
) -> None:
    fit = fit_classifier(lesson)
    looked_at = LookedAt(shown)
    assert looked_at.by(fit) is looked_at.by(fit)
    assert len(looked_at.network) == SIZE * SIZE < LOOKED_AT
    np.testing.assert_array_equal(looked_at.network, shown.fine[-1].ravel())


def test_values_are_read_at_the_middles_of_cells() -> None:
    values = np.arange(32).reshape(4, 8)
    assert at_cells(values, np.array([0, 3, 4, 7]), (2, 4)).tolist() == [9, 15, 25, 31]
    assert at_cells(values, np.array([0]), (4, 8)).tolist() == [0]
