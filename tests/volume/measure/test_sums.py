"""Sums of parts of objects, merged by id."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from napari_scsam.volume.measure.runs import find_runs
from napari_scsam.volume.measure.sums import ObjectSums, merge_sums, no_sums, sum_runs


def sums_of(labels: np.ndarray, start: tuple[int, ...], image: np.ndarray) -> ObjectSums:
    runs = find_runs(labels)
    surface = np.ones(len(runs.ids))
    return sum_runs(runs, start, surface, 2 * surface, image)


def test_two_halves_are_the_whole() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 5, (6, 9, 8))
    image = random.normal(1000, 1, labels.shape)
    whole = sums_of(labels, (0, 0, 0), image)
    halves = [sums_of(labels[:3], (0, 0, 0), image[:3]), sums_of(labels[3:], (3, 0, 0), image[3:])]
    merged = merge_sums([no_sums(3), *halves])
    assert merged.parts.tolist() == [2, 2, 2, 2]
    assert merged.surface.tolist() == [2, 2, 2, 2]
    assert merged.longest.tolist() == [2, 2, 2, 2]
    for name in ("ids", "voxels", "total", "low", "high"):
        assert np.array_equal(getattr(merged, name), getattr(whole, name))
    for name in ("spread", "grey", "grey_spread"):
        np.testing.assert_allclose(getattr(merged, name), getattr(whole, name), rtol=1e-12)


def test_the_variance_of_large_grey_values_is_not_lost() -> None:
    image = np.array([[1e9, 1e9 + 1, 1e9 + 2]])
    sums = sums_of(np.ones((1, 3), int), (0, 0), image)
    assert sums.grey_spread == pytest.approx([2.0])


def test_of_nothing_there_is_nothing() -> None:
    merged = merge_sums([no_sums(2), no_sums(2)])
    assert all(len(getattr(merged, field.name)) == 0 for field in fields(merged))
