"""Sections of which the model is too little sure."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_scsam.train.finetune.known_labels import UNKNOWN, KnownClass
from napari_scsam.train.finetune.sections import (
    LEAST_MEANS,
    SHIFTS,
    SLACK,
    Sections,
    best_levels,
    without_doubtful,
)

KNOWN = (KnownClass("a", (0, 2)), KnownClass("b", (1,)))


def crop() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A sure section of 4 pixels that is right, and one of 6 with a mean of 1 that is wrong."""
    margin = np.full((8, 8), -5.0, np.float32)
    margin[0:2, 0:2] = 3.0
    margin[5:7, 2:5] = (0.5, 1.0, 1.5)
    targets = np.zeros((8, 8), np.uint8)
    targets[0:2, 0:2] = 2
    return margin > 0, margin, targets


def test_sections_below_the_least_mean_do_not_count() -> None:
    found = Sections()
    found.add(*crop(), 2)
    assert found.dice(0.0) == pytest.approx(2 * 4 / (10 + 4))
    assert found.dice(1.0) == found.dice(0.0), "the mean of the second is just enough"
    assert found.dice(1.25) == 1.0
    assert found.dice(4.0) == 0.0


def test_crops_are_added_up_and_unknown_pixels_do_not_count() -> None:
    mask, margin, targets = crop()
    targets[6] = UNKNOWN
    found = Sections()
    for _ in range(2):
        found.add(mask, margin, targets, 2)
    found.add(np.zeros_like(mask), margin, targets, 2)
    assert found.dice(0.0) == pytest.approx(2 * 8 / (2 * 7 + 3 * 4))
    assert Sections().truth == 0


def sections(mean: float) -> Sections:
    """A right section of which the model is sure, and a wrong one with a mean."""
    return Sections([np.array([2.9, mean])], [np.array([10, 10])], [np.array([10.0, 0.0])], 10)


def test_the_smallest_change_that_is_enough_is_chosen_away_from_a_fall() -> None:
    same = [sections(1.1) for _ in SHIFTS]
    assert best_levels(same) == (0.0, 1.25)
    sure = [sections(-1.0) for _ in SHIFTS]
    assert best_levels(sure) == (0.0, 0.0)
    better = [sections(9.0) for _ in SHIFTS]
    better[3] = sections(-1.0)
    assert best_levels(better) == (SHIFTS[3], 0.0)
    edge = [Sections([np.array([1.3, 1.2])], [np.array([9, 9])], [np.array([9.0, 4.0])], 13)]
    assert best_levels(edge * len(SHIFTS))[1] <= 1.0, "the next level would lose all"


def test_no_change_is_tried_first_and_shifts_go_both_ways() -> None:
    assert SHIFTS[0] == LEAST_MEANS[0] == 0
    assert min(SHIFTS) == -1
    assert max(SHIFTS) == 2, "an unseen volume has more false finds than misses"
    assert [abs(shift) for shift in SHIFTS] == sorted(abs(shift) for shift in SHIFTS)
    assert SLACK < 0.01


def test_a_class_is_one_section_with_its_parts() -> None:
    rows = torch.zeros(1, 6, 6, dtype=torch.long)
    rows[0, 0:2, 0:2] = 1
    rows[0, 0:2, 2] = 3
    rows[0, 4, 4] = 2
    margins = torch.full((1, 6, 6), 1.0)
    margins[0, 0:2, 2] = 4.0
    assert without_doubtful(rows, margins, KNOWN, (0.0, 0.0)) is rows
    kept = without_doubtful(rows, margins, KNOWN, (2.0, 2.0))
    assert torch.equal(kept[0, 0:2], rows[0, 0:2]), "their mean is 2"
    assert kept[0, 4, 4] == 0
    assert not without_doubtful(rows, margins, KNOWN, (2.1, 2.0)).any()
    assert rows[0, 4, 4] == 2, "what was given is as it was"
