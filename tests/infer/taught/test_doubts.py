"""How far a taught class believes what the network finds of other classes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.config import ClassSpec
from napari_scsam.infer.taught.doubts import belief_in, measure_doubts

OTHERS = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "membrane"))


def doubts(under: float, everywhere: float, taken: float) -> dict[str, float]:
    """Measure doubts of membranes.

    They have a part of the strokes and a part of the slice; some of them are found to be taught.
    """
    strokes = np.where(np.arange(100) < 100 * under, 2, 0).astype(np.uint8)
    cells = np.where(np.arange(10_000) < 10_000 * everywhere, 2, 0).astype(np.uint8)
    found = np.arange(10_000) < 10_000 * everywhere * taken
    return measure_doubts(strokes, cells, found, OTHERS)


def test_a_class_that_crosses_the_taught_one_here_and_there_is_believed() -> None:
    found = doubts(under=0.4, everywhere=0.2, taken=0.2)
    assert found["mitochondrion"] == 0
    assert found["membrane"] == pytest.approx(0.4)
    assert belief_in("membrane", [found]) == 1


def test_a_class_of_which_nearly_all_is_the_taught_one_is_not_believed() -> None:
    found = doubts(under=0.9, everywhere=0.1, taken=1)
    assert found["membrane"] == pytest.approx(1, abs=0.01)
    assert belief_in("membrane", [found]) == pytest.approx(0, abs=0.05)


def test_two_strokes_where_the_network_finds_half_of_a_class_do_not_hide_that_it_is_wrong() -> None:
    found = doubts(under=0.53, everywhere=0.05, taken=0.9)
    assert found["membrane"] == pytest.approx(0.88, abs=0.03)
    assert belief_in("membrane", [found]) < 0.6


def test_a_class_that_strokes_hit_is_not_believed_where_the_answer_takes_half_of_it() -> None:
    strokes = np.full(100, 2, np.uint8)
    cells = np.arange(10_000) < 1000
    found = np.abs(np.arange(10_000) - 1000) < 500
    doubts_of = measure_doubts(strokes, 2 * cells.astype(np.uint8), found, OTHERS)
    assert doubts_of["membrane"] == pytest.approx(1)


def test_a_class_with_few_cells_is_judged_by_the_strokes() -> None:
    assert doubts(under=0.0, everywhere=0.0003, taken=1)["membrane"] < 0.2
    assert doubts(under=0.5, everywhere=0.0003, taken=1)["membrane"] > 0.5


def test_a_class_that_the_network_finds_everywhere_is_not_believed() -> None:
    found = doubts(under=1, everywhere=1, taken=0.1)
    assert belief_in("membrane", [found]) == 0


def test_doubts_of_slices_are_averaged_over_those_that_raised_some() -> None:
    by_slice = [{"membrane": 1.0}, {"membrane": 0.7}, {}]
    assert belief_in("membrane", by_slice) == pytest.approx(0.6)
    assert belief_in("vesicle", by_slice) == 1
    assert belief_in("vesicle", []) == 1
