"""Runs of objects along the last axis of a block."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_scsam.volume.measure.runs import find_runs, run_sums

LABELS = arrays.arrays(
    np.uint16,
    arrays.array_shapes(min_dims=2, max_dims=3, max_side=6),
    elements=st.sampled_from([0, 3, 900]),
)


@given(LABELS)
@settings(max_examples=60, deadline=None)
def test_runs_make_up_the_block(labels: np.ndarray) -> None:
    runs = find_runs(labels)
    made = np.zeros_like(labels)
    for owner, start, length in zip(runs.owners, runs.starts, runs.lengths, strict=True):
        row = made[tuple(start[:-1])]
        assert not row[start[-1] : start[-1] + length].any()
        row[start[-1] : start[-1] + length] = runs.ids[owner]
    assert np.array_equal(made, labels)
    ids = np.concatenate([[0], runs.ids]).astype(labels.dtype)
    assert np.array_equal(ids[runs.compact], labels)


@given(LABELS)
@settings(max_examples=60, deadline=None)
def test_sums_are_those_of_the_voxels(labels: np.ndarray) -> None:
    values = np.random.default_rng(0).normal(size=labels.shape)
    runs = find_runs(labels)
    sums = np.bincount(runs.owners, run_sums(runs, values), len(runs.ids))
    assert sums == pytest.approx([values[labels == number].sum() for number in runs.ids])


def test_a_run_ends_with_its_row() -> None:
    runs = find_runs(np.ones((2, 3), np.int64))
    assert runs.starts.tolist() == [[0, 0], [1, 0]]
    assert runs.last.tolist() == [2, 2]
