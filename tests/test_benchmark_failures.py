"""Wrong mitochondria are sorted by where they are and what they look like."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.failure_kinds import elongation, kinds_of, shares


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Found and true mitochondria, and grey values: one of each kind of mistake."""
    rng = np.random.default_rng(0)
    grey = rng.normal(0.6, 0.1, (80, 120)).astype(np.float32)
    found = np.zeros(grey.shape, bool)
    truth = np.zeros(grey.shape, bool)
    truth[10:30, 10:30] = True
    found[10:30, 10:33] = True  # too wide
    truth[50:60, 10:20] = True  # missed
    found[50:65, 50:65] = True  # dark and even
    grey[48:67, 48:67] = 0.1
    found[5:8, 60:110] = True  # a band
    grey[30:45, 80:95] += 0.2
    found[30:45, 80:95] = True  # a bright one
    return found, truth, grey


def test_each_mistake_is_of_its_kind(scene: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    kinds = kinds_of(*scene)
    at = {"rim": (20, 31), "dark": (55, 55), "band": (6, 80), "other": (35, 85), "missed": (55, 15)}
    found = [int(kinds[place]) for place in at.values()]
    assert found == [1, 2, 3, 4, 5]
    assert kinds[20, 20] == 0


def test_shares_are_in_pixels_of_the_truth(
    scene: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    found = shares(kinds_of(*scene), scene[1])
    assert found["missed"] == pytest.approx(100 / 500)
    assert found["rim"] == pytest.approx(60 / 500)


def test_a_disc_is_short_and_a_line_is_long() -> None:
    y, x = np.mgrid[:41, :41]
    assert elongation(np.hypot(y - 20, x - 20) < 15) < 1.5
    assert elongation(np.ones((3, 60), bool)) > 10
