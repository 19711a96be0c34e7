"""How far a taught class believes what the network finds of other classes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.config import ClassSpec
from napari_scsam.infer.taught.doubts import belief_in, measure_doubts

OTHERS = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "membrane"))


def doubts(under: float, everywhere: float, share: float) -> dict[str, float]:
    """Measure doubts where the network finds membranes on parts of the strokes and the slice."""
    rows = np.zeros((100, 100), np.uint8)
    strokes = np.zeros(rows.shape, bool)
    strokes[0] = True
    rows[0, : round(100 * under)] = 2
    rows[1:, : round(100 * everywhere)] = 2
    return measure_doubts(rows, strokes, share, OTHERS)


def test_a_class_that_crosses_the_taught_one_here_and_there_is_believed() -> None:
    found = doubts(under=0.4, everywhere=0.2, share=0.1)
    assert found["mitochondrion"] == 0
    assert found["membrane"] == pytest.approx(0.4)
    assert belief_in("membrane", [found]) == 1


def test_a_class_that_is_nearly_all_of_the_taught_one_is_not_believed() -> None:
    found = doubts(under=0.5, everywhere=0.1, share=0.2)
    assert found["membrane"] == pytest.approx(1, abs=0.05)
    assert belief_in("membrane", [found]) == pytest.approx(0, abs=0.2)


def test_a_class_that_the_network_finds_everywhere_is_not_believed() -> None:
    found = doubts(under=1, everywhere=1, share=0.1)
    assert belief_in("membrane", [found]) == 0


def test_doubts_of_slices_are_averaged_over_those_that_raised_some() -> None:
    by_slice = [{"membrane": 1.0}, {"membrane": 0.7}, {}]
    assert belief_in("membrane", by_slice) == pytest.approx(0.6)
    assert belief_in("vesicle", by_slice) == 1
    assert belief_in("vesicle", []) == 1
