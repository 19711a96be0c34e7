"""Where the objects in one block come near each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_scsam.volume.measure.patches import find_patches
from napari_scsam.volume.measure.window import ROUNDING, Objects, Surface, Window, halo


@dataclass(frozen=True, eq=False)
class Near:
    """For R ordered pairs of objects: the surface of the first that is near the second."""

    classes: NDArray[np.int32]
    """R×2: places in the list of classes."""
    ids: NDArray[np.uint64]
    """R×2."""
    area: NDArray[np.float64]
    """R: surface of the first one's voxels that are near the second."""
    distance: NDArray[np.float64]
    """R: smallest distance."""
    patch_rows: NDArray[np.intp]
    """P: the pair of each connected patch of these voxels."""
    edge_voxels: NDArray[np.int64]
    """E×D: voxels of patches that may go on in the next block; indices in the volume."""
    edge_patches: NDArray[np.intp]
    """E: the patches they are in."""


@dataclass(frozen=True, eq=False)
class _Hits:
    """Voxels of a block that are near an object which they are not of."""

    first: NDArray[np.int64]
    """The object of the voxel, counted over all classes."""
    second: NDArray[np.int64]
    """The object that is near."""
    voxel: NDArray[np.int64]
    """Flat index in the block."""
    area: NDArray[np.float64]
    distance: NDArray[np.float64]


def find_near(classes: Sequence[Objects], window: Window, distance: float) -> Near:
    """Return which objects of a block come near which others.

    A voxel is near an object if its centre is at most `distance` from that of an object voxel.

    Parameters
    ----------
    classes
        The objects of each class, from `find_objects`.
    window
        Where they are; its border is at least as wide as the distance.
    distance
        In the unit of the voxel size.
    """
    hits = _hits(classes, window, distance)
    offsets = _offsets(classes)
    count = offsets[-1]
    keys, rows = np.unique(hits.first * count + hits.second, return_inverse=True)
    pairs = np.stack(np.divmod(keys, max(count, 1)), axis=1)
    of_class = np.searchsorted(offsets, pairs, side="right") - 1
    ids = np.concatenate([objects.ids for objects in classes])
    nearest = np.full(len(keys), np.inf)
    np.minimum.at(nearest, rows, hits.distance)
    shape = tuple(part.stop - part.start for part in window.inner)
    patches, patch_rows = find_patches(rows, hits.voxel, shape)
    voxels = np.stack(np.unravel_index(hits.voxel, shape), axis=1)
    at_edge = _at_edge(voxels, shape, window)
    corner = [s + part.start for s, part in zip(window.start, window.inner, strict=True)]
    return Near(
        classes=of_class.astype(np.int32),
        ids=ids[pairs],
        area=np.bincount(rows, hits.area, len(keys)).astype(np.float64),
        distance=nearest,
        patch_rows=patch_rows,
        edge_voxels=voxels[at_edge] + np.asarray(corner),
        edge_patches=patches[at_edge],
    )


def _offsets(classes: Sequence[Objects]) -> NDArray[np.int64]:
    """Return where the objects of each class begin in a count over all classes."""
    return np.cumsum([0, *(len(objects.ids) for objects in classes)])


def _hits(classes: Sequence[Objects], window: Window, distance: float) -> _Hits:
    """Return all voxels of the block that are near another object."""
    offsets = _offsets(classes)
    found = []
    for number, objects in enumerate(classes):
        for place in range(len(objects.ids)):
            target = _Target.of(objects, place, window, distance)
            for other, surface in enumerate(neighbour.surface for neighbour in classes):
                for points, apart in target.near(surface, same_class=other == number):
                    owners = offsets[other] + surface.owners[points] - 1
                    second = np.full(len(points), offsets[number] + place)
                    area = surface.areas[points]
                    found.append(_Hits(owners, second, surface.voxels[points], area, apart))
    return _joined(found)


def _joined(found: Sequence[_Hits]) -> _Hits:
    if not found:
        none = np.zeros(0, np.int64)
        return _Hits(none, none, none, none.astype(float), none.astype(float))
    parts = (
        np.concatenate([getattr(hits, name) for hits in found])
        for name in ("first", "second", "voxel", "area", "distance")
    )
    return _Hits(*parts)


class _Target:
    """An object, to which others may be near."""

    def __init__(
        self,
        objects: Objects,
        place: int,
        box: tuple[slice, ...],
        size: NDArray[np.float64],
        distance: float,
    ) -> None:
        self._objects = objects
        self._place = place
        self._box = box
        self._size = size
        self._distance = distance
        self._tree: Any = None

    @classmethod
    def of(cls, objects: Objects, place: int, window: Window, distance: float) -> _Target:
        """Return an object with the part of the block that its surroundings reach."""
        outer = objects.outer[objects.bounds[place] : objects.bounds[place + 1]]
        size = np.asarray(window.size)
        reach = np.asarray(halo(window.size, distance))
        first = np.array([part.start for part in window.inner])
        last = np.array([part.stop for part in window.inner])
        if len(outer):
            low = np.maximum(outer.min(axis=0) - reach, first) - first
            high = np.minimum(outer.max(axis=0) + reach + 1, last) - first
        else:  # it fills the window
            low, high = np.zeros_like(first), last - first
        box = tuple(slice(a, max(a, b)) for a, b in zip(low, high, strict=True))
        return cls(objects, place, box, size, distance)

    def near(
        self, surface: Surface, *, same_class: bool
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        """Yield the surface voxels of a class that are near, if there are any; and how near."""
        numbers = surface.numbers[self._box]
        points = numbers[numbers >= 0].astype(np.intp)
        if same_class:
            points = points[surface.owners[points] != self._place + 1]
        if not len(points):
            return
        places = surface.points[points]
        apart = self._distances(places * self._size)
        if not same_class:
            inside = self._objects.compact[tuple(places.T)] == self._place + 1
            apart[inside] = 0.0
        near = np.flatnonzero(apart < np.inf)
        if len(near):
            yield points[near], apart[near]

    def _distances(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance of points from the object; infinity where it is too far."""
        outer = self._objects.outer[
            self._objects.bounds[self._place] : self._objects.bounds[self._place + 1]
        ]
        if not len(outer):
            return np.full(len(points), np.inf)
        if self._tree is None:
            self._tree = scipy.spatial.cKDTree(
                outer * self._size, balanced_tree=False, compact_nodes=False
            )
        limit = self._distance * (1 + ROUNDING)
        distances: NDArray[np.float64] = self._tree.query(points, distance_upper_bound=limit)[0]
        return distances


def _at_edge(voxels: NDArray[np.int64], shape: Sequence[int], window: Window) -> NDArray[np.bool_]:
    """Return which voxels of a block lie at a face that another block touches."""
    at_edge = np.zeros(len(voxels), bool)
    for axis, (before, after) in enumerate(window.seams):
        if before:
            at_edge |= voxels[:, axis] == 0
        if after:
            at_edge |= voxels[:, axis] == shape[axis] - 1
    return at_edge
