"""The distance of each object to the nearest object of another class, however far it is.

A fragment is the part of an object in one block: a box, and the voxels of it that have a face to
something else, which wait in a temporary file. Between two objects, only fragments are compared
whose boxes are nearer than the smallest distance found so far.
"""

from __future__ import annotations

from collections.abc import Sequence
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
class Fragments:
    """The parts of N objects in a block."""

    classes: NDArray[np.int32]
    """N: places in the list of classes."""
    ids: NDArray[np.uint64]
    boxes: NDArray[np.int32]
    """N×2×D: first and last voxel of each box in the volume."""
    points: tuple[bytes, ...]
    """N, compressed: M×D voxels from the first one of the box on, as uint16."""


def find_fragments(classes: Sequence[Objects], window: Window) -> Fragments:
    """Return the fragments of the objects of all classes in a block."""
    first = np.array([part.start for part in window.inner])
    last = np.array([part.stop for part in window.inner])
    start = np.asarray(window.start)
    found: list[tuple[int, int]] = []
    boxes = []
    data = []
    for number, objects in enumerate(classes):
        inside = np.all((objects.outer >= first) & (objects.outer < last), axis=1)
        for place, object_id in enumerate(objects.ids.tolist()):
            part = slice(objects.bounds[place], objects.bounds[place + 1])
            points = objects.outer[part][inside[part]]
            if not len(points):
                continue
            low = points.min(axis=0)
            found.append((number, object_id))
            boxes.append([low + start, points.max(axis=0) + start])
            data.append(compress((points - low).astype(np.uint16).tobytes()))
    return Fragments(
        classes=np.array([number for number, _ in found], np.int32),
        ids=np.array([object_id for _, object_id in found], np.uint64),
        boxes=np.array(boxes, np.int32).reshape(-1, 2, len(start)),
        points=tuple(data),
    )


class FragmentFile:
    """The fragments of all objects."""

    def __init__(self, spool: Spool, size: Sequence[float]) -> None:
        self._spool = spool
        self._size = np.asarray(size, np.float64)
        none = np.zeros((0, 2, len(size)), np.int32)
        self._parts = [Fragments(none[:, 0, 0], none[:, 0, 0].astype(np.uint64), none, ())]
        self._places: list[NDArray[np.int64]] = [np.zeros((0, 2), np.int64)]
        self._corners = none
        self._where = self._places[0]
        self._cached = lru_cache(FRAGMENTS_IN_MEMORY)(self._read)

    def add(self, fragments: Fragments, wanted: NDArray[np.bool_]) -> None:
        """Keep some fragments of a block."""
        chosen = np.flatnonzero(wanted)
        places = [self._spool.add(fragments.points[number]) for number in chosen]
        self._places.append(np.array(places, np.int64).reshape(-1, 2))
        self._parts.append(
            Fragments(fragments.classes[chosen], fragments.ids[chosen], fragments.boxes[chosen], ())
        )

    def arrange(self) -> FragmentBoxes:
        """Return all boxes in the unit of the voxel size; after this, nothing is added."""
        self._corners = np.concatenate([part.boxes for part in self._parts])
        self._where = np.concatenate(self._places)
        boxes = self._corners * self._size
        return FragmentBoxes(
            classes=np.concatenate([part.classes for part in self._parts]),
            ids=np.concatenate([part.ids for part in self._parts]),
            low=boxes[:, 0],
            high=boxes[:, 1],
        )

    def points(self, number: int) -> NDArray[np.float64]:
        """Return the voxels of a fragment, in the unit of the voxel size; N×D."""
        return self._cached(number)

    def _read(self, number: int) -> NDArray[np.float64]:
        offset, length = self._where[number].tolist()
        steps = np.frombuffer(self._spool.read((offset, length)), np.uint16)
        low = self._corners[number, 0]
        points: NDArray[np.float64] = (steps.reshape(-1, len(low)) + low) * self._size
        return points


@dataclass(frozen=True, eq=False)
class FragmentBoxes:
    """The boxes of all fragments, between the centres of their outermost voxels."""

    classes: NDArray[np.int32]
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

    def __init__(self, file: FragmentFile, boxes: FragmentBoxes, class_number: int) -> None:
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
