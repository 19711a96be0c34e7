"""One object of a labels array: where it is searched for, and which voxels belong to it.

In an instance array an object is all voxels of a label. In a class array it is the connected
component of a voxel. Either way only a box around the object is read.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.io.saved.saved_array import SavedArray
from napari_scsam.objects.boxes import Box, LabelBoxes, box_size
from napari_scsam.objects.components import label_components
from napari_scsam.steps import Progress

FIRST_MARGIN = 24
"""Voxels around the clicked one that are read first."""

MAX_BOX_VOXELS = 2**27
"""Most voxels in the box of an object; each takes some bytes of memory."""


@dataclass(frozen=True)
class Place:
    """Where objects are searched for, and what counts as one."""

    data: Any
    """Labels, an array in memory or in chunks."""
    within: Box
    """The part of it to work on: all, or one slice."""
    spacing: tuple[float, ...]
    """Distance between voxels along each axis; the finest is 1."""
    classes: bool = False
    """Whether labels are classes and objects are connected components; else a label is an object."""
    boxes: LabelBoxes | None = None
    """The box of each label, if known; else all of `within` is read."""
    locked: Collection[int] = ()
    """Labels whose voxels must not change."""

    def read(self, box: Box) -> NDArray[Any]:
        """Read a box into memory; a copy."""
        return np.array(self.data[box])

    def price(self, box: Box, weight: int = 1) -> Progress:
        """Return how much work a box takes, before it is done.

        That is its voxels times `weight`, and the voxels to fetch from the disk.

        Raises
        ------
        UserError
            When the box is too large to be held in memory several times over.
        """
        voxels = box_size(box)
        if voxels > MAX_BOX_VOXELS:
            raise UserError(
                f"the object fills a box of {voxels / 1e6:.0f} million voxels; "
                "work on it slice by slice (turn 3-D off)"
            )
        fetched = 0
        if isinstance(self.data, SavedArray):
            fetched = self.data.absent(box)
        return Progress(0, weight * voxels + fetched, "looking at the object")

    def around(self, box: Box, margin: float) -> Box:
        """Widen a box by a margin in voxels of the finest axis, up to the borders of `within`."""
        more = [int(np.ceil(margin / step)) for step in self.spacing]
        sides = zip(box, more, self.within, strict=True)
        return tuple(
            slice(max(side.start - by, limit.start), min(side.stop + by, limit.stop))
            for side, by, limit in sides
        )

    def find(self, seed: Sequence[int]) -> Generator[Progress, None, FoundObject]:
        """Find the object that a voxel belongs to.

        Raises
        ------
        UserError
            When the voxel is background, or the object is too large or changes meanwhile.
        """
        value = int(self.data[tuple(seed)])
        if not value:
            raise UserError("there is no object under the mouse; point at one")
        if self.classes:
            return (yield from find_component(self, value, seed))
        return (yield from find_label(self, value))


@dataclass(frozen=True)
class FoundObject:
    """An object: its label, the smallest box around it, and its mask in that box."""

    value: int
    box: Box
    mask: NDArray[np.bool_]

    @property
    def voxels(self) -> int:
        """Their number."""
        return int(np.count_nonzero(self.mask))

    def has(self, voxel: Sequence[int]) -> bool:
        """Whether a voxel of the array belongs to it."""
        if not all(side.start <= i < side.stop for i, side in zip(voxel, self.box, strict=True)):
            return False
        return bool(self.mask[index_in_box(voxel, self.box)])

    def mask_in(self, box: Box) -> NDArray[np.bool_]:
        """Return its mask in a wider box."""
        wide = np.zeros([side.stop - side.start for side in box], bool)
        inner = tuple(
            slice(own.start - outer.start, own.stop - outer.start)
            for own, outer in zip(self.box, box, strict=True)
        )
        wide[inner] = self.mask
        return wide


def find_label(place: Place, value: int) -> Generator[Progress, None, FoundObject]:
    """Find all voxels of a label within a place."""
    known = None
    if place.boxes is not None:
        known = place.boxes.box(value)
    box = place.within
    if known is not None:
        box = overlap(known, place.within)
    yield place.price(box)
    return crop_object(value, box, place.read(box) == value)


def find_component(
    place: Place, value: int, seed: Sequence[int]
) -> Generator[Progress, None, FoundObject]:
    """Find the connected component of a voxel, in boxes that grow as long as it meets their sides."""
    box = overlap(tuple(slice(i - FIRST_MARGIN, i + FIRST_MARGIN + 1) for i in seed), place.within)
    while True:
        yield place.price(box)
        numbers = label_components(place.read(box) == value)
        own = numbers[index_in_box(seed, box)]
        if not own:
            raise UserError("the object changed while it was being analysed; try again")
        mask = numbers == own
        wider = _grown_box(box, mask, place.within)
        if wider == box:
            return crop_object(value, box, mask)
        box = wider


def _grown_box(box: Box, mask: NDArray[np.bool_], limits: Box) -> Box:
    """Double a box on each side that the mask meets, up to the limits."""
    sides = []
    for axis, (side, limit) in enumerate(zip(box, limits, strict=True)):
        start = side.start
        stop = side.stop
        length = stop - start
        if mask.take(0, axis).any():
            start = max(start - length, limit.start)
        if mask.take(-1, axis).any():
            stop = min(stop + length, limit.stop)
        sides.append(slice(start, stop))
    return tuple(sides)


def index_in_box(voxel: Sequence[int], box: Box) -> tuple[int, ...]:
    """Return the index that a voxel of the array has in a box."""
    return tuple(i - side.start for i, side in zip(voxel, box, strict=True))


def crop_object(value: int, box: Box, mask: NDArray[np.bool_]) -> FoundObject:
    """Crop a box to the object in it; an empty box when there is none."""
    sides = []
    for axis in range(mask.ndim):
        used = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        side = slice(0, 0)
        if used.size:
            side = slice(int(used[0]), int(used[-1]) + 1)
        sides.append(side)
    moved = tuple(
        slice(s.start + b.start, s.stop + b.start) for s, b in zip(sides, box, strict=True)
    )
    return FoundObject(value, moved, mask[tuple(sides)])


def overlap(one: Box, other: Box) -> Box:
    """Return what two boxes share; an empty box where they do not meet."""
    sides = zip(one, other, strict=True)
    cut = [(max(a.start, b.start), min(a.stop, b.stop)) for a, b in sides]
    return tuple(slice(start, max(start, stop)) for start, stop in cut)


def union(one: Box, other: Box) -> Box:
    """Return the box around two boxes."""
    return tuple(
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
