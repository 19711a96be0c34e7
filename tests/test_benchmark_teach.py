"""The summary of the benchmark of teaching."""

from __future__ import annotations

import pytest
from benchmarks.teach.summary import gain_of, summarise, table

GOOD = {"taught": 0.6, "forest": 0.5, "regression": 0.4, "seconds": 0.5, "others_lose": 0.0}
BAD = {"taught": 0.3, "forest": 0.2, "regression": 0.5, "seconds": 2.5, "others_lose": 0.1}


def test_the_better_baseline_is_that_of_the_mean_over_seeds() -> None:
    assert gain_of([GOOD]) == pytest.approx(0.1)
    assert gain_of([GOOD, BAD]) == pytest.approx(0.45 - 0.45)


def test_each_aim_is_told_with_its_figure() -> None:
    rounds = {"dice": [0.5, 0.6, 0.58], "largest_fall": 0.02}
    good = list(summarise({"blob, 1 slices, 2 strokes": [GOOD], "blob, rounds": [rounds]}))
    assert good[0] == "mean gain over the better baseline: +0.100, reached"
    assert all(each.endswith(", reached") for each in good)
    worse = {"dice": [0.6, 0.5], "largest_fall": 0.1, "others_lose": 0.01}
    bad = list(summarise({"blob, 1 slices, 2 strokes": [BAD], "blob, rounds": [rounds, worse]}))
    assert all(each.endswith(", not reached") for each in bad)
    assert bad[-2] == ("largest fall in four rounds, 1 of 2 above 0.03: +0.100, not reached")
    assert bad[-1].startswith("most that another class lost, 1 of 2 above 0.02: +0.100")


def test_the_table_has_a_row_for_each_class() -> None:
    rounds = [{"dice": [0.5], "largest_fall": 0.02}]
    results = {
        "blob, 1 slices, 2 strokes": [GOOD],
        "blob, 1 slices, 5 strokes": [BAD],
        "blob, rounds": rounds,
        "blob, elsewhere, 1 slices, 2 strokes": [GOOD],
        "blob, elsewhere, rounds": rounds,
    }
    assert list(table(results))[2:] == [
        "| blob | 0.60; 0.30 | 0.50; 0.20 | 0.40; 0.50 | -0.05, -0.20 | 0.020 | 0.100 |",
        "| blob, elsewhere | 0.60 | 0.50 | 0.40 | +0.10, +0.10 | 0.020 | 0.000 |",
    ]
