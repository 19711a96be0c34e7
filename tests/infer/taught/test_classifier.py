"""A class from a few strokes, on synthetic features."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_scsam.infer.taught import classifier
from napari_scsam.infer.taught.classifier import (
    CERTAIN,
    LEAST,
    excess,
    fit_classifier,
    weigh_forest,
)
from napari_scsam.infer.taught.lessons import Floats, Lesson, SliceFeatures, Stroke, read_lesson
from napari_scsam.infer.taught.samples import measure_scaling

SIZE = 48
CLASS = np.zeros((SIZE, SIZE), bool)
CLASS[4:20, 4:20] = True
CLASS[28:44, 24:44] = True


def features(seen_by: str, seed: int = 0) -> SliceFeatures:
    """Create noise in which one filter, one detail or one fused channel shows the class."""
    chance = np.random.default_rng(seed)
    fine = chance.normal(size=(52, SIZE, SIZE)).astype(np.float32)
    fused = chance.normal(size=(256, SIZE // 2, SIZE // 2)).astype(np.float32)
    if seen_by == "filters":
        fine[:3] += 4 * CLASS
    if seen_by == "detail":
        fine[30:33] += 4 * CLASS
    if seen_by == "fused":
        fused[:12] += 6 * CLASS[::2, ::2]
    return SliceFeatures(fine, fused)


def line(row: int, start: int, *, positive: bool) -> Stroke:
    """Create a stroke of 14 cells."""
    return Stroke(positive, 0, np.full(14, row), np.arange(start, start + 14))


STROKES = [
    line(8, 5, positive=True),
    line(14, 5, positive=True),
    line(34, 26, positive=True),
    line(10, 28, positive=False),
    line(24, 10, positive=False),
    line(40, 5, positive=False),
]


def lesson_of(seen_by: str) -> Lesson:
    """Read the strokes."""
    return read_lesson(features(seen_by), STROKES, (SIZE, SIZE))


def dice(logits: Floats) -> float:
    """Compute the Dice with the class."""
    found = logits > 0
    return float(2 * (found & CLASS).sum() / (found.sum() + CLASS.sum()))


@pytest.mark.parametrize("seen_by", ["filters", "detail", "fused"])
def test_a_class_is_found_on_another_slice_by_what_shows_it(seen_by: str) -> None:
    fit = fit_classifier(lesson_of(seen_by))
    assert dice(fit.logits(features(seen_by, seed=5))) > 0.85


def test_the_forest_has_little_to_say_where_only_the_network_shows_the_class() -> None:
    influence = {
        seen_by: weigh_forest(lesson_of(seen_by), measure_scaling(lesson_of(seen_by)))
        for seen_by in ("filters", "detail")
    }
    assert influence["detail"] < 0.2
    assert influence["filters"] > 0.4


def test_the_same_lesson_always_gives_the_same_answer() -> None:
    lesson = lesson_of("detail")
    stored = Lesson.from_arrays(lesson.to_arrays())
    shown = features("detail")
    np.testing.assert_array_equal(
        fit_classifier(lesson).logits(shown), fit_classifier(stored).logits(shown)
    )


def test_strokes_on_the_class_alone_are_enough() -> None:
    lesson = read_lesson(features("detail"), STROKES[:3], (SIZE, SIZE))
    fit = fit_classifier(lesson)
    assert fit.forest is None
    assert dice(fit.logits(features("detail", seed=5))) > 0.7


def test_one_stroke_on_either_side_is_enough() -> None:
    lesson = read_lesson(features("detail"), [STROKES[0], STROKES[3]], (SIZE, SIZE))
    fit = fit_classifier(lesson)
    assert 0 < fit.influence < 1
    assert dice(fit.logits(features("detail"))) > 0.5


def test_logits_are_0_at_the_least_probability() -> None:
    fit = replace(fit_classifier(lesson_of("detail")), influence=0.0, offset=0.0)
    linear = np.array([np.log(LEAST / (1 - LEAST)), 50, -50], np.float32)
    mixed = fit.mixed(linear, np.zeros((3, 20), np.float32))
    assert mixed[0] == pytest.approx(0, abs=1e-5)
    assert np.isfinite(mixed).all()
    assert mixed[1] > -np.log(CERTAIN) - 1


def test_rows_get_the_same_logits_as_the_map_before_it_is_smoothed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("napari_scsam.infer.taught.classifier.SMOOTHING", 1e-3)
    fit = fit_classifier(lesson_of("fused"))
    shown = features("fused")
    cells = np.arange(0, SIZE * SIZE, 37)
    expected = fit.logits(shown).ravel()[cells]
    np.testing.assert_allclose(fit.at(shown.rows(cells)), expected, atol=1e-3)


def test_any_size_and_any_coarse_grid_can_be_segmented() -> None:
    fit = fit_classifier(lesson_of("fused"))
    shown = features("fused")
    part = SliceFeatures(shown.fine[:, :31, :17], shown.fused[:, :5, :3])
    assert fit.logits(part).shape == (31, 17)
    assert fit.logits(part).dtype == np.float32


def test_scikit_learn_is_imported_for_the_first_lesson_only() -> None:
    code = "import sys, napari_scsam.infer.predictor; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def graded(seed: int) -> SliceFeatures:
    """Create noise in which the class fades into what is round it."""
    shown = features("nothing", seed)
    fine = shown.fine.copy()
    fine[:20] += 2 * ndimage.gaussian_filter(CLASS.astype(np.float32), 4)
    return SliceFeatures(fine, shown.fused)


def area(shown: SliceFeatures, strokes: list[Stroke]) -> int:
    """Count the cells that strokes find on the slice that they were drawn on."""
    fit = fit_classifier(read_lesson(shown, strokes, (SIZE, SIZE)))
    return int((fit.logits(shown) > 0).sum())


@pytest.mark.parametrize("beside", [STROKES[3], line(46, 30, positive=False)], ids=["near", "far"])
@pytest.mark.parametrize("on", [1, 3])
def test_a_stroke_beside_a_class_enlarges_it_little(on: int, beside: Stroke) -> None:
    shown = graded(seed=1)
    alone = area(shown, STROKES[:on])
    assert 0 < area(shown, [*STROKES[:on], beside]) < 1.6 * alone


def test_what_is_marked_stays_found_however_much_is_taken_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(classifier, "LARGER", 0.0)
    lesson = read_lesson(graded(seed=1), STROKES[:4], (SIZE, SIZE))
    marked = lesson.values[lesson.positive]
    fit = replace(fit_classifier(lesson), offset=0.0)
    lower = replace(fit, offset=excess(fit, replace(lesson, context=marked)))
    assert lower.offset > 0
    assert (lower.at(marked.astype(np.float32)) > 0).mean() >= 0.5
