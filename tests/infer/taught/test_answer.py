"""Rounds of correcting strokes."""

from dataclasses import dataclass

import numpy as np
import pytest

from napari_scsam.infer.taught.answer import (
    FIRST_STEP,
    LIKENESS,
    TaughtAnswer,
    likeness,
    refit,
    replay,
)
from napari_scsam.infer.taught.classifier import StrokeClassifier
from napari_scsam.infer.taught.fits import LookedAt
from napari_scsam.infer.taught.lessons import Floats, Lesson, SliceFeatures, Stroke, read_lesson

SIZE = 60
SHOWN = SliceFeatures(
    np.random.default_rng(3).normal(size=(52, SIZE, SIZE)).astype(np.float32),
    np.zeros((256, 8, 8), np.float32),
)


@dataclass(frozen=True, eq=False)
class Fixed(StrokeClassifier):
    """A fit whose logits are the first feature, shifted."""

    shift: float = 0.0

    def at(self, values: Floats) -> Floats:
        return values[:, 0] + np.float32(self.shift)

    def logits(self, features: SliceFeatures) -> Floats:
        return features.fine[0] + np.float32(self.shift)


def fixed(shift: float) -> Fixed:
    """Create a fit that reads no classifiers."""
    return Fixed(None, None, np.zeros(0, np.float32), 0.0, shift=shift)  # type: ignore[arg-type]


def test_a_round_never_changes_more_than_it_may() -> None:
    answer = TaughtAnswer((fixed(0.0),))
    for shift in (-3.0, 0.4, 3.0):
        after = answer.after(fixed(shift), LookedAt(SHOWN))
        alike = likeness(answer.logits(SHOWN) > 0, after.logits(SHOWN) > 0)
        assert alike >= LIKENESS - 0.02


def test_a_small_correction_is_taken_in_full_step() -> None:
    after = TaughtAnswer((fixed(0.0),)).after(fixed(0.1), LookedAt(SHOWN))
    assert after.shares == (FIRST_STEP,)
    np.testing.assert_allclose(after.logits(SHOWN), SHOWN.fine[0] + 0.05, atol=1e-5)


def test_a_round_that_would_turn_everything_over_is_not_taken() -> None:
    answer = TaughtAnswer((fixed(0.0),))
    assert answer.after(fixed(-60.0), LookedAt(SHOWN)) is answer


def test_an_answer_that_finds_nothing_is_replaced() -> None:
    after = TaughtAnswer((fixed(-9.0),)).after(fixed(0.0), LookedAt(SHOWN))
    np.testing.assert_allclose(after.logits(SHOWN), SHOWN.fine[0], atol=1e-5)


def test_steps_become_shorter() -> None:
    answer = TaughtAnswer(())
    for _ in range(4):
        answer = answer.after(fixed(0.05), LookedAt(SHOWN))
    assert list(answer.shares) == sorted(answer.shares, reverse=True)
    assert answer.shares[-1] < answer.shares[0]


def test_rows_and_maps_agree() -> None:
    answer = TaughtAnswer((fixed(0.0), fixed(1.0)), (0.25,))
    rows = SHOWN.rows(np.arange(SIZE * SIZE))
    np.testing.assert_allclose(answer.at(rows, 52), answer.logits(SHOWN).ravel(), atol=1e-5)


@pytest.mark.parametrize(("one", "other", "expected"), [(0, 0, 1.0), (4, 0, 0.0), (4, 4, 1.0)])
def test_empty_answers_are_alike(one: int, other: int, expected: float) -> None:
    cells = np.arange(9)
    assert likeness(cells < one, cells < other) == expected


def test_stored_rounds_are_replayed_to_the_same_answer() -> None:
    strokes = [
        Stroke(row % 2 == 0, row // 4, np.full(20, 3 * row), np.arange(20)) for row in range(12)
    ]
    lesson = read_lesson(SHOWN, strokes, (SIZE, SIZE))
    first = replay(lesson, SHOWN)
    again = replay(Lesson.from_arrays(lesson.to_arrays()), SHOWN)
    assert first.shares == again.shares
    np.testing.assert_array_equal(first.logits(SHOWN), again.logits(SHOWN))


def test_no_slice_changes_more_than_it_may() -> None:
    other = SliceFeatures(SHOWN.fine - np.float32(1.5), SHOWN.fused)
    answer = TaughtAnswer((fixed(0.0),))
    after = TaughtAnswer((fixed(0.0), fixed(0.6)), (0.5,))
    before = answer.logits(other) > 0
    assert likeness(before, after.logits(other) > 0) >= LIKENESS
    assert likeness(before, other.fine[0] + 0.3 > 0) < LIKENESS


def known(agrees: bool) -> tuple[SliceFeatures, Lesson]:
    """Create a slice and strokes; the network finds the class, or stripes across everything."""
    place = np.zeros((SIZE, SIZE), bool)
    place[:, :20] = True
    fine = np.random.default_rng(5).normal(size=(53, SIZE, SIZE)).astype(np.float32)
    fine[:6] += 3 * place
    stripes = np.arange(SIZE)[:, None] % 20 // 4 + 0 * place == 2
    answered = place if agrees else stripes
    fine[-1] = np.where(answered, 4, -4)
    shown = SliceFeatures(fine, SHOWN.fused)
    columns = (np.arange(2, 18), np.arange(34, 48))
    strokes = [
        Stroke(positive, 0, np.full(len(x), row), x)
        for positive, x in zip((True, False), columns, strict=True)
        for row in (5, 15, 25, 35, 45, 55)
    ]
    return shown, read_lesson(shown, strokes, (SIZE, SIZE))


def test_a_class_that_the_network_knows_starts_from_its_answer() -> None:
    shown, lesson = known(agrees=True)
    answer = replay(lesson, shown, reads_network=True)
    assert answer.sharpens
    assert likeness(answer.logits(shown) > 0, shown.fine[-1] > 0) >= LIKENESS
    again = refit(lesson, answer.rounds, answer.shares)
    assert again.sharpens
    np.testing.assert_array_equal(again.logits(shown), answer.logits(shown))


def test_strokes_win_where_the_network_is_of_no_use() -> None:
    shown, lesson = known(agrees=False)
    answer = replay(lesson, shown, reads_network=True)
    assert not answer.sharpens
    assert not refit(lesson, answer.rounds, answer.shares).sharpens
    found = answer.logits(shown) > 0
    assert found[:, :20].mean() > 0.8 > 0.2 > found[:, 30:50].mean()


def test_few_strokes_that_correct_a_known_class_keep_its_answer() -> None:
    """Four rounds of corrections once began with 0.75 Dice and ended with 0.32."""
    shown, _ = known(agrees=True)
    missed = [Stroke(True, 0, np.full(8, row), np.arange(21, 29)) for row in (10, 30, 50)]
    half_wrong = [Stroke(False, 0, np.full(19, row), np.arange(12, 31)) for row in (10, 30, 50)]
    lesson = read_lesson(shown, [*missed, *half_wrong], (SIZE, SIZE), reads_network=True)
    assert replay(lesson, shown, reads_network=True).sharpens


def test_strokes_that_correct_a_known_class_do_not_turn_its_answer_over() -> None:
    shown, _ = known(agrees=True)
    missed = [Stroke(True, 0, np.full(8, row), np.arange(21, 29)) for row in (10, 30, 50)]
    wrong = [Stroke(False, 0, np.full(8, row), np.arange(11, 19)) for row in (10, 30, 50)]
    lesson = read_lesson(shown, [*missed, *wrong], (SIZE, SIZE), reads_network=True)
    answer = replay(lesson, shown, reads_network=True)
    assert answer.sharpens
    fit = answer.fits[0].logits(shown) > 0 if answer.fits else shown.fine[-1] > 0
    assert likeness(fit, shown.fine[-1] > 0) > 0.6
