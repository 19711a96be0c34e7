"""Runs: the stretches of one object along the last axis of a block.

Sums over the voxels of a run have closed forms. So a block of millions of voxels is measured by its
thousands of runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ObjectRuns:
    """Runs of the objects in a block, in reading order."""

    ids: NDArray[np.uint64]
    """Of the objects in the block, ascending, without 0."""
    owners: NDArray[np.intp]
    """Of each of R runs, the place of its object in `ids`."""
    starts: NDArray[np.int64]
    """R×D: index of the first voxel, within the block."""
    lengths: NDArray[np.int64]
    """R: voxels."""
    compact: NDArray[Any]
    """The block with 1, 2, … in place of the ids, as small integers; 0 is not an object."""

    @property
    def last(self) -> NDArray[np.int64]:
        """R: index of the last voxel along the last axis, within the block."""
        return self.starts[:, -1] + self.lengths - 1


def find_runs(labels: NDArray[Any]) -> ObjectRuns:
    """Return the runs of the objects in a block.

    Parameters
    ----------
    labels
        (Y, X) or (Z, Y, X) integers; 0 is not an object.
    """
    flat = np.ascontiguousarray(labels).reshape(-1)
    firsts = _firsts(labels.shape, flat)
    lengths = np.diff(firsts, append=flat.size)
    values = flat[firsts]
    ids, places = np.unique(values, return_inverse=True)
    if not len(ids) or ids[0] != 0:
        ids = np.concatenate([np.zeros(1, values.dtype), ids])
        places = places + 1
    compact = np.repeat(places.astype(np.min_scalar_type(len(ids))), lengths)
    objects = np.flatnonzero(places)
    return ObjectRuns(
        ids=ids[1:].astype(np.uint64),
        owners=places[objects] - 1,
        starts=np.stack(np.unravel_index(firsts[objects], labels.shape), axis=1),
        lengths=lengths[objects],
        compact=compact.reshape(labels.shape),
    )


def run_sums(runs: ObjectRuns, values: NDArray[Any], dtype: type[Any] = np.float64) -> NDArray[Any]:
    """Return the sum of a block of values over each run.

    Parameters
    ----------
    runs, values
        R runs, and values of the block's shape.
    dtype
        Of the sums.
    """
    if not len(runs.lengths):
        return np.zeros(0, dtype)
    firsts = np.ravel_multi_index(tuple(runs.starts.T), values.shape)
    # Every other sum is over the gap to the next run.
    bounds = np.stack([firsts, firsts + runs.lengths], axis=1).reshape(-1)
    flat = np.ascontiguousarray(values).reshape(-1)
    if bounds[-1] == flat.size:
        bounds = bounds[:-1]
    sums: NDArray[Any] = np.add.reduceat(flat, bounds, dtype=dtype)[::2]
    return sums


def _firsts(shape: Sequence[int], flat: NDArray[Any]) -> NDArray[np.intp]:
    """Return the flat index of the first voxel of each run, also of runs of 0."""
    begins = np.empty(flat.size, bool)
    begins[1:] = flat[1:] != flat[:-1]
    begins[:: shape[-1]] = True
    return np.flatnonzero(begins)
