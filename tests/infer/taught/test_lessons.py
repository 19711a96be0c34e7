"""What is read under strokes."""

import numpy as np
import pytest

from napari_scsam.infer.taught.lessons import (
    CONTEXT,
    Lesson,
    SliceFeatures,
    Stroke,
    enlarge_to_cells,
    join_lessons,
    read_lesson,
)

SHAPE = (64, 96)


@pytest.fixture
def features() -> SliceFeatures:
    """Create maps whose first channel holds the number of the cell's row."""
    chance = np.random.default_rng(1)
    fine = chance.normal(size=(52, 32, 48)).astype(np.float32)
    fine[0] = np.arange(32)[:, None]
    return SliceFeatures(fine, chance.normal(size=(256, 4, 6)).astype(np.float32))


def stroke(row: int, *, positive: bool = True, corrects: int = 0, length: int = 20) -> Stroke:
    """Create a horizontal stroke."""
    return Stroke(positive, corrects, np.full(length, row), np.arange(length))


def test_features_are_read_under_the_stroke(features: SliceFeatures) -> None:
    lesson = read_lesson(features, [stroke(10), stroke(40, positive=False)], SHAPE)
    assert set(lesson.values[lesson.positive, 0]) == {5}
    assert set(lesson.values[~lesson.positive, 0]) == {20}
    assert lesson.values.shape[1] == 308
    assert lesson.fine == 52


def test_context_lies_beside_the_strokes(features: SliceFeatures) -> None:
    lines = [stroke(row, length=96) for row in range(0, 64, 2) if row != 20]
    lesson = read_lesson(features, lines, SHAPE)
    assert set(lesson.context[:, 0]) == {10}


def test_each_stroke_keeps_its_round(features: SliceFeatures) -> None:
    lesson = read_lesson(features, [stroke(10), stroke(40, corrects=2)], SHAPE)
    assert set(lesson.corrects[lesson.stroke == 0]) == {0}
    assert set(lesson.corrects[lesson.stroke == 1]) == {2}


def test_a_slice_with_many_strokes_stays_small(features: SliceFeatures) -> None:
    few = read_lesson(features, [stroke(row, length=90) for row in range(10)], SHAPE)
    many = read_lesson(features, [stroke(row, length=90) for row in range(40)], SHAPE)
    for lesson in (few, many):
        assert sum(array.nbytes for array in lesson.to_arrays().values()) <= 300_000
    assert set(many.stroke) == set(range(40))


def test_later_rounds_change_nothing_of_what_earlier_strokes_teach(
    features: SliceFeatures,
) -> None:
    first = [stroke(row, length=90) for row in (10, 20)]
    later = [stroke(row, corrects=1, length=90) for row in range(30, 60, 4)]
    before = read_lesson(features, first, SHAPE)
    after = read_lesson(features, [*first, *later], SHAPE)
    np.testing.assert_array_equal(after.only(after.corrects == 0).values, before.values)
    kept = (before.context[:, None, :8] == after.context[None, :, :8]).all(-1).any(1)
    assert kept.mean() > 0.4


def test_a_lesson_comes_back_from_its_arrays(features: SliceFeatures) -> None:
    lesson = read_lesson(features, [stroke(10), stroke(40, positive=False)], SHAPE)
    again = Lesson.from_arrays(lesson.to_arrays())
    for name, array in lesson.to_arrays().items():
        np.testing.assert_array_equal(array, again.to_arrays()[name])
    assert again.fine == 52


def test_strokes_of_several_slices_are_numbered_through(features: SliceFeatures) -> None:
    first = read_lesson(features, [stroke(10), stroke(20)], SHAPE)
    second = read_lesson(features, [stroke(30)], SHAPE)
    both = join_lessons([first, second])
    assert set(both.stroke) == {0, 1, 2}
    assert set(both.values[both.stroke == 2, 0]) == {15}
    assert len(both.context) == 2 * CONTEXT


def test_a_slice_without_strokes_can_be_joined(features: SliceFeatures) -> None:
    first = read_lesson(features, [stroke(10)], SHAPE)
    empty = first.only(np.zeros(len(first.stroke), bool))
    assert set(join_lessons([empty, first]).stroke) == {0}


def test_coarse_features_are_read_as_the_enlarged_map_shows_them(features: SliceFeatures) -> None:
    cells = np.array([0, 49, 700, 1535])
    expected = enlarge_to_cells(features.fused[3], features.grid).ravel()[cells]
    np.testing.assert_allclose(features.rows(cells)[:, 52 + 3], expected, rtol=1e-5)
