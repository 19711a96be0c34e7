"""Strokes of a class on a slice: rounds, sides, and the strokes they are split into."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.infer.taught.book import SliceStrokes, check_strokes

SHAPE = (6, 8)
NONE = np.zeros(SHAPE, bool)


def mask(*parts: tuple[slice, slice]) -> np.ndarray:
    marks = np.zeros(SHAPE, bool)
    for part in parts:
        marks[part] = True
    return marks


LEFT = mask(np.s_[1:3, 0:3])
RIGHT = mask(np.s_[1:3, 5:8])


def test_a_slice_begins_without_strokes() -> None:
    empty = SliceStrokes.empty(SHAPE)
    assert empty.on.shape == empty.beside.shape == SHAPE
    assert list(empty.strokes()) == []


def test_a_pixel_keeps_the_round_in_which_it_was_drawn_first() -> None:
    drawn = SliceStrokes.empty(SHAPE).add(LEFT, NONE, 1).add(LEFT | RIGHT, NONE, 2)
    assert (drawn.on[LEFT] == 1).all()
    assert (drawn.on[RIGHT] == 2).all()
    assert np.count_nonzero(drawn.on) == LEFT.sum() + RIGHT.sum()


def test_the_last_stroke_on_a_pixel_counts() -> None:
    drawn = SliceStrokes.empty(SHAPE).add(LEFT, NONE, 1).add(NONE, LEFT, 2)
    assert not drawn.on.any()
    assert (drawn.beside[LEFT] == 2).all()
    back = drawn.add(LEFT, NONE, 3)
    assert (back.on[LEFT] == 3).all()
    assert not back.beside.any()


def test_a_pixel_on_both_sides_in_one_round_is_beside_no_longer() -> None:
    both = SliceStrokes.empty(SHAPE).add(LEFT, LEFT | RIGHT, 1)
    assert not (both.beside[LEFT]).any()
    assert (both.beside[RIGHT] == 1).all()


def test_adding_leaves_the_strokes_before_unchanged() -> None:
    first = SliceStrokes.empty(SHAPE).add(LEFT, NONE, 1)
    first.add(NONE, LEFT, 2)
    assert (first.on[LEFT] == 1).all()


def test_strokes_that_were_erased_are_gone() -> None:
    drawn = SliceStrokes.empty(SHAPE).add(LEFT, RIGHT, 1)
    rest = drawn.only(LEFT & mask(np.s_[1:2, :]), NONE)
    assert np.count_nonzero(rest.on) == 3
    assert not rest.beside.any()
    assert (rest.on[1, 0:3] == 1).all()


def test_connected_pixels_of_one_side_and_round_are_one_stroke() -> None:
    drawn = SliceStrokes.empty(SHAPE).add(LEFT | RIGHT, mask(np.s_[5:6, :]), 1)
    strokes = list(drawn.strokes())
    assert [stroke.positive for stroke in strokes] == [True, True, False]
    assert [len(stroke.rows) for stroke in strokes] == [6, 6, 8]
    first = np.zeros(SHAPE, bool)
    first[strokes[0].rows, strokes[0].columns] = True
    np.testing.assert_array_equal(first, LEFT)


def test_pixels_of_two_rounds_are_two_strokes_though_they_touch() -> None:
    more = mask(np.s_[1:3, 3:5])
    strokes = list(SliceStrokes.empty(SHAPE).add(LEFT, NONE, 1).add(more, NONE, 2).strokes())
    assert [len(stroke.rows) for stroke in strokes] == [6, 4]


def test_only_later_rounds_correct_an_answer() -> None:
    drawn = SliceStrokes.empty(SHAPE).add(LEFT, NONE, 3).add(NONE, RIGHT, 5)
    assert [stroke.corrects for stroke in drawn.strokes()] == [False, True]


def test_the_first_round_of_a_slice_corrects_nothing_whatever_its_number() -> None:
    drawn = SliceStrokes.empty(SHAPE).add(LEFT, RIGHT, 9)
    assert [stroke.corrects for stroke in drawn.strokes()] == [False, False]


def test_no_strokes_are_an_empty_mask() -> None:
    marks = check_strokes(SHAPE, None)
    assert marks.shape == SHAPE
    assert marks.dtype == bool
    assert not marks.any()


def test_numbers_are_taken_as_a_mask() -> None:
    assert check_strokes((1, 3), [[0, 2, 1]]).tolist() == [[False, True, True]]


def test_strokes_of_another_slice_are_refused() -> None:
    with pytest.raises(UserError, match=r"shape \(3, 3\) but the slice has \(6, 8\)"):
        check_strokes(SHAPE, np.ones((3, 3)))
