"""The longest axis of objects: the greatest distance between two of their voxels.

For each of `DIRECTIONS`, the two voxels that reach farthest are found, and the longest of these
distances is taken. It is at most 3.5 % below the greatest distance (Feret's diameter), and nearly
always equals it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from napari_scsam.volume.measure.runs import ObjectRuns
from napari_scsam.volume.measure.spool import Spool, compress

DIRECTIONS = {2: 32, 3: 64}
"""How many directions are tried in a slice and in a volume."""


@dataclass(frozen=True, eq=False)
class Ends:
    """For K objects, the voxels that reach farthest along each of N directions and against it."""

    ids: NDArray[np.uint64]
    """K, ascending."""
    voxels: NDArray[np.int32]
    """K×N×2×D indices in the volume."""

    def of(self, ids: NDArray[np.uint64]) -> Ends:
        """Return the ends of the objects that are among these ids."""
        wanted = np.isin(self.ids, ids, assume_unique=True)
        return Ends(self.ids[wanted], self.voxels[wanted])


class EndsFile:
    """Ends of objects, block by block, in a temporary file.

    Which objects are in several blocks is known when all blocks are done.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._kept: list[tuple[tuple[int, int], tuple[int, ...]]] = []

    def add(self, ends: Ends) -> None:
        """Keep the ends of the objects of a block."""
        data = compress(ends.ids.tobytes() + ends.voxels.tobytes())
        self._kept.append((self._spool.add(data), ends.voxels.shape))

    def read(self) -> Iterator[Ends]:
        """Yield what was kept for each block."""
        for place, shape in self._kept:
            data = self._spool.read(place)
            ids = np.frombuffer(data, np.uint64, shape[0])
            voxels = np.frombuffer(data, np.int32, offset=ids.nbytes)
            yield Ends(ids, voxels.reshape(shape))

    def divided(
        self, ids: NDArray[np.uint64], rows: NDArray[np.intp], most: int
    ) -> Iterator[tuple[NDArray[np.intp], EndsFile]]:
        """Divide what was kept by objects, so that few of them are in memory at a time.

        Parameters
        ----------
        ids
            Of all objects, ascending.
        rows
            The objects that count, ascending.
        most
            Objects of a part.

        Yields
        ------
        rows, file
            Some of the rows, and a file that holds the ends of these and of few others.
        """
        if len(rows) == 0:
            return
        groups = np.array_split(rows, ceil(len(rows) / most))
        if len(groups) == 1:
            yield rows, self
            return
        files = [EndsFile(self._spool) for _ in groups]
        firsts = ids[[group[0] for group in groups]]
        for ends in self.read():
            wanted = np.isin(ends.ids, ids[rows], assume_unique=True)
            numbers = np.searchsorted(firsts, ends.ids[wanted], side="right") - 1
            for number in np.unique(numbers).tolist():
                chosen = np.flatnonzero(wanted)[numbers == number]
                files[number].add(Ends(ends.ids[chosen], ends.voxels[chosen]))
        yield from zip(groups, files, strict=True)


def directions(ndim: int) -> NDArray[np.float64]:
    """Return N×D unit vectors that are spread evenly over half of the circle or the sphere.

    The sphere has a Fibonacci lattice (González 2010, "Measurement of areas on a sphere using
    Fibonacci and latitude–longitude lattices").
    """
    count = DIRECTIONS[ndim]
    numbers = np.arange(count) + 0.5
    if ndim == 2:
        angles = np.pi * numbers / count
        return np.stack([np.sin(angles), np.cos(angles)], axis=1)
    height = numbers / count
    turn = np.pi * (3 - np.sqrt(5)) * numbers
    radius = np.sqrt(1 - height**2)
    return np.stack([height, radius * np.sin(turn), radius * np.cos(turn)], axis=1)


def find_ends(runs: ObjectRuns, start: Sequence[int], size: Sequence[float]) -> Ends:
    """Return the voxels of each object of a block that reach farthest.

    Parameters
    ----------
    runs
        Of the block.
    start
        The block's first voxel in the volume.
    size
        Of a voxel along each axis.
    """
    count, ndim = len(runs.ids), runs.starts.shape[1]
    units = directions(ndim)
    ends = np.zeros((count, len(units), 2, ndim), np.int32)
    if count == 0:
        return Ends(runs.ids, ends)
    points, owners = _outer_points(runs)
    voxels = points + np.asarray(start, np.int64)
    firsts = np.flatnonzero(np.diff(owners, prepend=-1))
    for number, unit in enumerate(units):
        reach = _reach(voxels, unit, size)
        ends[:, number, 0] = voxels[_first_best(reach, owners, firsts)]
        ends[:, number, 1] = voxels[_first_best(-reach, owners, firsts)]
    return Ends(runs.ids, ends)


def merge_ends(parts: Sequence[Ends], size: Sequence[float]) -> Ends:
    """Return the farthest voxels of objects whose parts are in several blocks."""
    ids = np.concatenate([part.ids for part in parts])
    voxels = np.concatenate([part.voxels for part in parts])
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    voxels = voxels[order]
    firsts = np.flatnonzero(np.diff(ids, prepend=ids[:1] + np.uint64(1)))
    owners = np.repeat(np.arange(len(firsts)), np.diff(firsts, append=len(ids)))
    merged = np.empty((len(firsts), *voxels.shape[1:]), np.int32)
    for number, unit in enumerate(directions(voxels.shape[-1])):
        for side, sign in enumerate((1.0, -1.0)):
            candidates = voxels[:, number, side]
            reach = sign * _reach(candidates, unit, size)
            merged[:, number, side] = candidates[_first_best(reach, owners, firsts)]
    return Ends(ids[firsts], merged)


def longest_axes(ends: Ends, size: Sequence[float]) -> NDArray[np.float64]:
    """Return the length of each object, in the unit of the voxel size.

    A voxel has a length itself: an object of n voxels in a row is n voxels long.
    """
    scale = np.asarray(size, np.float64)
    apart = (ends.voxels[:, :, 0].astype(np.float64) - ends.voxels[:, :, 1]) * scale
    distances = np.linalg.norm(apart, axis=-1)
    # Of an ellipsoid with the diameters of a voxel: how long it is along the line of the two.
    along = np.linalg.norm(apart * scale, axis=-1)
    own = np.full(distances.shape, scale.max())
    np.divide(along, distances, out=own, where=distances > 0)
    lengths: NDArray[np.float64] = (distances + own).max(axis=1, initial=0.0)
    return lengths


def _outer_points(runs: ObjectRuns) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return the ends of runs that can reach farthest, by object and in reading order."""
    order = np.argsort(runs.owners, kind="stable")
    owners = runs.owners[order]
    left = runs.starts[order]
    right = left.copy()
    right[:, -1] += runs.lengths[order] - 1
    chosen = [_convex(left, owners, -1), _convex(right, owners, 1)]
    points = np.concatenate([left[chosen[0]], right[chosen[1]]])
    both = np.concatenate([owners[chosen[0]], owners[chosen[1]]])
    # Stable: of voxels that reach equally far, the same one is found whatever the blocks are.
    again = np.lexsort((*points.T[::-1], both))
    return points[again], both[again]


def _convex(points: NDArray[np.int64], owners: NDArray[np.intp], side: int) -> NDArray[np.bool_]:
    """Return which ends of runs do not lie on or behind the line between those beside them.

    The others cannot reach farthest in any direction.
    """
    keep = np.ones(len(points), bool)
    if len(points) < 3:
        return keep
    rows = points[:, :-1].copy()
    step = np.diff(rows, axis=0)
    next_row = (owners[1:] == owners[:-1]) & (step[:, -1] == 1)
    for axis in range(rows.shape[1] - 1):
        next_row &= step[:, axis] == 0
    between = next_row[1:] & next_row[:-1]
    ends = side * points[:, -1]
    keep[1:-1] = ~(between & (2 * ends[1:-1] <= ends[:-2] + ends[2:]))
    return keep


def _reach(
    voxels: NDArray[np.integer], unit: NDArray[np.float64], size: Sequence[float]
) -> NDArray[np.float64]:
    """Return how far voxels reach along a direction.

    Products are added axis by axis, so that a voxel has the same value in every block.
    """
    reach = np.zeros(len(voxels))
    for axis, length in enumerate(size):
        reach += voxels[:, axis] * (unit[axis] * length)
    return reach


def _first_best(
    reach: NDArray[np.float64], owners: NDArray[np.intp], firsts: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return for each object the first of its voxels that reaches farthest."""
    best = np.maximum.reduceat(reach, firsts)
    equal = np.flatnonzero(reach == best[owners])
    found = np.flatnonzero(np.diff(owners[equal], prepend=-1))
    return equal[found]
