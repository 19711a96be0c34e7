"""What is added up for each object, block by block, and merged by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.volume.measure.runs import ObjectRuns, run_sums

Spread = NDArray[np.float64]
"""K×D×D sums of products of distances from the centre, along two axes each."""


@dataclass(frozen=True, eq=False)
class ObjectSums:
    """Sums over the voxels of K objects, or of the parts of K objects in a block.

    Counts, sums of indices and boxes are integers, and exact. Products and squares are summed about
    the mean of the part. So nothing is lost far from the corner of a volume. They are merged as in
    Chan, Golub & LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances".
    """

    ids: NDArray[np.uint64]
    """K, ascending."""
    parts: NDArray[np.int64]
    """K: how many parts were merged."""
    voxels: NDArray[np.int64]
    """K."""
    total: NDArray[np.int64]
    """K×D: sums of indices."""
    low: NDArray[np.int64]
    """K×D: first index of the bounding box."""
    high: NDArray[np.int64]
    """K×D: the index behind its last one."""
    spread: Spread
    surface: NDArray[np.float64]
    """K: in units of the voxel size; in 2-D the perimeter."""
    longest: NDArray[np.float64]
    """K: greatest distance between two voxels, as far as it was found in a single block."""
    grey: NDArray[np.float64]
    """K: mean grey value."""
    grey_spread: NDArray[np.float64]
    """K: sum of the squares of the distance from that mean."""

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: NDArray[Any]) -> ObjectSums:
        """Return the sums of some objects, which are in ascending order."""
        return ObjectSums(*(getattr(self, field.name)[rows] for field in fields(self)))


def no_sums(ndim: int) -> ObjectSums:
    """Return the sums of no object."""
    none = np.zeros(0)
    pairs = np.zeros((0, ndim), np.int64)
    return ObjectSums(
        ids=none.astype(np.uint64),
        parts=none.astype(np.int64),
        voxels=none.astype(np.int64),
        total=pairs,
        low=pairs,
        high=pairs,
        spread=np.zeros((0, ndim, ndim)),
        surface=none,
        longest=none,
        grey=none,
        grey_spread=none,
    )


def sum_runs(
    runs: ObjectRuns,
    start: Sequence[int],
    surface: NDArray[np.float64],
    longest: NDArray[np.float64],
    image: NDArray[Any] | None = None,
) -> ObjectSums:
    """Return the sums over the objects of a block.

    Parameters
    ----------
    runs
        Of the block, with K objects.
    start
        The block's first voxel in the volume.
    surface, longest
        K values that come from elsewhere.
    image
        Grey values of the block; without it, they count as NaN.
    """
    count = len(runs.ids)
    voxels = _added(runs, runs.lengths, count)
    total, spread = _moments(runs, voxels)
    low, high = _boxes(runs, count)
    grey = np.full(count, np.nan)
    grey_spread = grey
    if image is not None:
        grey, grey_spread = _grey(runs, voxels, image)
    origin = np.asarray(start, np.int64)
    return ObjectSums(
        ids=runs.ids,
        parts=np.ones(count, np.int64),
        voxels=voxels,
        total=total + voxels[:, None] * origin,
        low=low + origin,
        high=high + origin,
        spread=spread,
        surface=surface,
        longest=longest,
        grey=grey,
        grey_spread=grey_spread,
    )


def merge_sums(parts: Sequence[ObjectSums]) -> ObjectSums:
    """Return the sums of objects whose parts are in several blocks; at least one part.

    The order of the parts changes sums of floating-point numbers by their rounding alone.
    """
    if len(parts) == 1:
        return parts[0]
    # Parts of one object lie side by side, in the order in which they came.
    order = np.argsort(np.concatenate([part.ids for part in parts]), kind="stable")
    # One column after the other, so that little is in memory twice.
    columns = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])[order]
        for field in fields(ObjectSums)
    }
    whole = ObjectSums(**columns)
    firsts = np.flatnonzero(np.diff(whole.ids, prepend=whole.ids[:1] + np.uint64(1)))
    if len(firsts) == len(whole):
        return whole
    return _merged(whole, firsts)


def _merged(parts: ObjectSums, firsts: NDArray[np.intp]) -> ObjectSums:
    """Merge parts of ascending ids; `firsts` are the first parts of each object."""
    counts = np.diff(firsts, append=len(parts))
    voxels = np.add.reduceat(parts.voxels, firsts)
    total = np.add.reduceat(parts.total, firsts)
    centre = np.repeat(total / voxels[:, None], counts, axis=0)
    away = parts.total / parts.voxels[:, None] - centre
    products = parts.voxels[:, None, None] * away[:, :, None] * away[:, None, :]
    grey = np.add.reduceat(parts.voxels * parts.grey, firsts) / voxels
    squares = parts.voxels * (parts.grey - np.repeat(grey, counts)) ** 2
    return ObjectSums(
        ids=parts.ids[firsts],
        parts=np.add.reduceat(parts.parts, firsts),
        voxels=voxels,
        total=total,
        low=np.minimum.reduceat(parts.low, firsts),
        high=np.maximum.reduceat(parts.high, firsts),
        spread=np.add.reduceat(parts.spread + products, firsts),
        surface=np.add.reduceat(parts.surface, firsts),
        longest=np.maximum.reduceat(parts.longest, firsts),
        grey=grey,
        grey_spread=np.add.reduceat(parts.grey_spread + squares, firsts),
    )


def _added(runs: ObjectRuns, values: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Add integers up by object; doubles hold those of a block exactly."""
    return np.bincount(runs.owners, values, count).astype(np.int64)


def _moments(runs: ObjectRuns, voxels: NDArray[np.int64]) -> tuple[NDArray[np.int64], Spread]:
    """Return K×D sums of indices within the block, and products about their means."""
    count, ndim = len(voxels), runs.starts.shape[1]
    middle = runs.starts.astype(np.float64)
    middle[:, -1] += (runs.lengths - 1) / 2
    total = np.empty((count, ndim), np.int64)
    for axis in range(ndim):
        total[:, axis] = _added(runs, runs.lengths * middle[:, axis], count)
    away = middle - (total / voxels[:, None])[runs.owners]
    spread = np.empty((count, ndim, ndim))
    for one in range(ndim):
        for other in range(one, ndim):
            products = runs.lengths * away[:, one] * away[:, other]
            if one == other == ndim - 1:
                # n voxels in a row, about their own middle.
                products += runs.lengths * (runs.lengths**2 - 1) / 12
            spread[:, one, other] = np.bincount(runs.owners, products, count)
            spread[:, other, one] = spread[:, one, other]
    return total, spread


def _boxes(runs: ObjectRuns, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the K×D first voxels of bounding boxes, and the voxels behind their last ones."""
    ndim = runs.starts.shape[1]
    low = np.full((count, ndim), np.iinfo(np.int64).max)
    high = np.zeros((count, ndim), np.int64)
    ends = runs.starts + 1
    ends[:, -1] = runs.last + 1
    for axis in range(ndim):
        np.minimum.at(low[:, axis], runs.owners, runs.starts[:, axis])
        np.maximum.at(high[:, axis], runs.owners, ends[:, axis])
    return low, high


def _grey(
    runs: ObjectRuns, voxels: NDArray[np.int64], image: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the K mean grey values, and sums of squares of the distance from them."""
    count = len(voxels)
    mean = np.bincount(runs.owners, run_sums(runs, image), count) / voxels
    # About a value near all of them; about its own mean each voxel would need its object's.
    near = float(mean.mean()) if count else 0.0
    away = image.astype(np.float64)
    away -= near
    np.square(away, out=away)
    squares = np.bincount(runs.owners, run_sums(runs, away), count)
    spread = squares - voxels * (mean - near) ** 2
    return mean, np.maximum(spread, 0.0)
