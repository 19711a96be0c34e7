"""Values of options: numbers and lists of slices."""

import argparse

import pytest

from napari_scsam.cli.shared.values import parse_range, parse_slices, positive, positive_number
from napari_scsam.errors import UserError


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "x", "+3", "nan"])
def test_a_whole_number_above_0_is_wanted(text: str) -> None:
    assert positive("007") == 7
    with pytest.raises(argparse.ArgumentTypeError, match="give a whole number above 0"):
        positive(text)


@pytest.mark.parametrize("text", ["0", "-1", "", "x", "nan", "inf", "-inf", "1e999", "1,5"])
def test_a_number_above_0_is_wanted(text: str) -> None:
    assert positive_number("0.5") == 0.5
    with pytest.raises(argparse.ArgumentTypeError, match="give a number above 0"):
        positive_number(text)


@pytest.mark.parametrize(
    ("text", "ends"),
    [("3", (3, 4)), ("10-20", (10, 21)), ("4-4", (4, 5)), ("5-3", None), ("-3", None)]
    + [("3-", None), ("", None), ("1-2-3", None), ("a", None)]
    + [("5:9", (5, 9)), (":9", (0, 9)), ("5:", (5, 20)), (":", (0, 20)), ("25:", (25, 26))]
    + [("5:5", None), ("9:5", None), ("a:5", None), ("5:-1", None), ("1:2:3", None)],
)
def test_a_range_has_a_start_and_a_stop(text: str, ends: tuple[int, int] | None) -> None:
    assert parse_range(text, 20) == ends


def test_slices_are_numbers_and_ranges() -> None:
    assert parse_slices(None, 20) is None
    assert parse_slices("3", 20) == (3,)
    assert parse_slices("0, 3,10-12", 20) == (0, 3, 10, 11, 12)
    assert parse_slices("2:5,17:", 20) == (2, 3, 4, 17, 18, 19)


def test_a_range_beyond_the_depth_stays_short() -> None:
    assert parse_slices("18-999999999999,30-40", 20) == (18, 19, 20, 30)
    assert parse_slices("2:999999999999", 4) == (2, 3, 4)
    assert parse_slices("7-9", 4) == (7,)


@pytest.mark.parametrize("wrong", ["", "a", "3-", "-3", "1,,2", "5-3", "1-2-3", "²", "1.5", "4:4"])
def test_slices_that_cannot_be_read_are_quoted(wrong: str) -> None:
    with pytest.raises(
        UserError,
        match=r"--slices .* is not readable at '.*'; write slice numbers and ranges, e.g. 0,3,10-20 or 5:9",
    ):
        parse_slices(wrong, 20)
