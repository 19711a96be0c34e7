"""The distance of each object to the nearest object of another class, however far it is.

A fragment is the part of an object in one block: a box, and the voxels of it that have a face to
something else, which wait in a temporary file. Between two objects, only fragments are compared
whose boxes are nearer than the smallest distance found so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_scsam.volume.measure.spool import Spool, compress
from napari_scsam.volume.measure.window import Objects, Window

FEW_PAIRS = 1 << 16
"""So many distances are computed at once rather than by a tree."""

FRAGMENTS_IN_MEMORY = 512


@dataclass(frozen=True, eq=False)
class Fragment:
    """The part of an object in a block."""

    class_number: int
    object_id: int
    low: tuple[int, ...]
    """First voxel of its box in the volume."""
    high: tuple[int, ...]
    """Last voxel of its box."""
    points: bytes
    """Compressed: N×D voxels from `low` on, as uint16."""


def find_fragments(number: int, objects: Objects, window: Window) -> Iterator[Fragment]:
    """Yield the fragments of the objects of one class in a block."""
    first = np.array([part.start for part in window.inner])
    last = np.array([part.stop for part in window.inner])
    inside = np.all((objects.outer >= first) & (objects.outer < last), axis=1)
    for place, object_id in enumerate(objects.ids.tolist()):
        part = slice(objects.bounds[place], objects.bounds[place + 1])
        points = objects.outer[part][inside[part]]
        if not len(points):
            continue
        low = points.min(axis=0)
        data = compress((points - low).astype(np.uint16).tobytes())
        start = np.asarray(window.start)
        high = points.max(axis=0) + start
        yield Fragment(number, object_id, tuple(low + start), tuple(high), data)


class FragmentFile:
    """The fragments of all objects."""

    def __init__(self, spool: Spool, size: Sequence[float]) -> None:
        self._spool = spool
        self._size = np.asarray(size, np.float64)
        self._rows: list[tuple[int, int]] = []
        self._boxes: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        self._places: list[tuple[int, int]] = []
        self._cached = lru_cache(FRAGMENTS_IN_MEMORY)(self._read)

    def add(self, fragment: Fragment) -> None:
        """Keep a fragment."""
        self._rows.append((fragment.class_number, fragment.object_id))
        self._boxes.append((fragment.low, fragment.high))
        self._places.append(self._spool.add(fragment.points))

    def arrange(self) -> Boxes:
        """Return all boxes in the unit of the voxel size; after this, nothing is added."""
        ndim = len(self._size)
        boxes = np.array(self._boxes, np.float64).reshape(-1, 2, ndim)
        return Boxes(
            classes=np.array([row[0] for row in self._rows], np.int64),
            ids=np.array([row[1] for row in self._rows], np.uint64),
            low=boxes[:, 0] * self._size,
            high=boxes[:, 1] * self._size,
        )

    def points(self, number: int) -> NDArray[np.float64]:
        """Return the voxels of a fragment, in the unit of the voxel size; N×D."""
        return self._cached(number)

    def _read(self, number: int) -> NDArray[np.float64]:
        steps = np.frombuffer(self._spool.read(self._places[number]), np.uint16)
        low = np.asarray(self._boxes[number][0])
        points: NDArray[np.float64] = (steps.reshape(-1, len(low)) + low) * self._size
        return points


@dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes of all fragments, between the centres of their outermost voxels."""

    classes: NDArray[np.int64]
    ids: NDArray[np.uint64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def centres(self) -> NDArray[np.float64]:
        """The middle of each box."""
        middle: NDArray[np.float64] = (self.low + self.high) / 2
        return middle

    @property
    def radii(self) -> NDArray[np.float64]:
        """The distance of the corners of each box from its middle."""
        lengths: NDArray[np.float64] = np.linalg.norm(self.high - self.low, axis=1) / 2
        return lengths


class NearestOfClass:
    """Finds the distance of an object to the nearest object of one class.

    Parameters
    ----------
    file, boxes
        All fragments.
    class_number
        The class that is looked for.
    """

    def __init__(self, file: FragmentFile, boxes: Boxes, class_number: int) -> None:
        self._file = file
        self._boxes = boxes
        self._members: NDArray[np.intp] = np.flatnonzero(boxes.classes == class_number)
        self._tree = scipy.spatial.cKDTree(boxes.centres[self._members])
        self._radius = float(boxes.radii[self._members].max(initial=0.0))

    def distance(self, fragments: NDArray[np.intp]) -> float:
        """Return the smallest distance between the centres of voxels; NaN without any object.

        Parameters
        ----------
        fragments
            Of the object that looks.
        """
        if not len(self._members):
            return float("nan")
        best = np.inf
        for number in fragments:
            nearest = self._members[self._tree.query(self._boxes.centres[number])[1]]
            best = self._between(int(number), int(nearest), best)
            for other in self._candidates(int(number), best):
                if self._apart(int(number), other[None])[0] >= best:
                    break
                best = self._between(int(number), int(other), best)
        return float(best)

    def _candidates(self, number: int, best: float) -> NDArray[np.intp]:
        """Return the fragments whose boxes are nearer than this, the nearest ones first."""
        boxes = self._boxes
        reach = best + self._radius + boxes.radii[number]
        found = self._members[self._tree.query_ball_point(boxes.centres[number], reach)]
        apart = self._apart(number, found)
        order = np.argsort(apart, kind="stable")
        chosen: NDArray[np.intp] = found[order[apart[order] < best]]
        return chosen

    def _apart(self, number: int, others: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the distance between the box of a fragment and those of others."""
        boxes = self._boxes
        gaps = np.maximum(boxes.low[others] - boxes.high[number], 0)
        gaps = np.maximum(gaps, boxes.low[number] - boxes.high[others])
        distances: NDArray[np.float64] = np.linalg.norm(gaps, axis=1)
        return distances

    def _between(self, one: int, other: int, best: float) -> float:
        """Return the distance of two fragments if it is smaller, else the smallest so far."""
        ones = self._file.points(one)
        others = self._file.points(other)
        if best == np.inf:
            towards = np.linalg.norm(ones - self._boxes.centres[other], axis=1).argmin()
            best = float(np.linalg.norm(others - ones[towards], axis=1).min())
        ones = self._within(ones, other, best)
        others = self._within(others, one, best)
        if not len(ones) or not len(others):
            return best
        if len(ones) * len(others) <= FEW_PAIRS:
            return min(best, float(scipy.spatial.distance.cdist(ones, others).min()))
        found = scipy.spatial.cKDTree(others).query(ones, distance_upper_bound=best)[0]
        return min(best, float(found.min()))

    def _within(self, points: NDArray[np.float64], number: int, best: float) -> NDArray[np.float64]:
        """Return the points that are not farther than this from the box of a fragment."""
        gaps = np.maximum(self._boxes.low[number] - points, points - self._boxes.high[number])
        near: NDArray[np.float64] = points[np.linalg.norm(np.maximum(gaps, 0), axis=1) <= best]
        return near
