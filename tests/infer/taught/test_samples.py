"""How cells are weighed."""

import numpy as np
import pytest

from napari_scsam.infer.taught.lessons import Lesson
from napari_scsam.infer.taught.samples import (
    AGAINST,
    CORRECTION,
    measure_scaling,
    stroke_samples,
    with_context,
)


@pytest.fixture
def lesson() -> Lesson:
    """Create a long and a short stroke on the class, a correction of it, and one beside it."""
    chance = np.random.default_rng(2)
    sizes = [30, 3, 5, 10]
    stroke = np.repeat(np.arange(4, dtype=np.int32), sizes)
    return Lesson(
        chance.normal(size=(48, 60)).astype(np.float16),
        stroke < 3,
        stroke,
        (stroke == 2).astype(np.int32),
        chance.normal(3, 2, size=(100, 60)).astype(np.float16),
        52,
    )


def test_strokes_weigh_alike_whatever_their_length(lesson: Lesson) -> None:
    weights = stroke_samples(lesson, measure_scaling(lesson)).weights
    totals = np.bincount(lesson.stroke, weights)
    assert totals[0] == pytest.approx(totals[1])
    assert totals[2] == pytest.approx(CORRECTION * totals[0])


def test_both_sides_weigh_alike(lesson: Lesson) -> None:
    samples = stroke_samples(lesson, measure_scaling(lesson))
    on = samples.weights[samples.positive].sum()
    assert on == pytest.approx(samples.weights[~samples.positive].sum())


def test_context_counts_a_little_against_the_class(lesson: Lesson) -> None:
    scaling = measure_scaling(lesson)
    strokes = stroke_samples(lesson, scaling)
    samples = with_context(strokes, lesson, scaling)
    added = samples.weights[len(strokes.weights) :]
    assert not samples.positive[len(strokes.weights) :].any()
    assert added.sum() == pytest.approx(AGAINST * strokes.weights[strokes.positive].sum())


def test_context_counts_in_full_where_no_stroke_lies_beside(lesson: Lesson) -> None:
    shown = lesson.only(lesson.positive)
    scaling = measure_scaling(shown)
    samples = with_context(stroke_samples(shown, scaling), shown, scaling)
    assert samples.weights[~samples.positive].sum() == pytest.approx(len(shown.values) / 2)


def test_fused_features_are_scaled_down(lesson: Lesson) -> None:
    spread = measure_scaling(lesson).normal(lesson.context.astype(np.float32)).std(0)
    np.testing.assert_allclose(spread[:52], 1, rtol=1e-2)
    np.testing.assert_allclose(spread[52:], 0.25, rtol=1e-2)
