"""One object of a labels array: where it may lie, how it is found, and which voxels are its own.

In an instance array an object is a label, wherever it lies; in a class array
it is what hangs together around a voxel. Either way only a box around the
object is read.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_scsam.config import UserError
from napari_scsam.io.saved_array import SavedArray
from napari_scsam.objects.boxes import Box, LabelBoxes, size_of
from napari_scsam.steps import Progress

START = 24
"""Voxels around the clicked one that are looked at first."""

LARGEST = 2**27
"""Voxels in the box of an object that is still worked on as a whole; it takes some bytes for each."""


@dataclass(frozen=True)
class Place:
    """Where objects are looked for, and what counts as one."""

    data: Any
    """Labels, an array in memory or in chunks."""
    within: Box
    """The part of it that is worked on: all, or one slice."""
    spacing: tuple[float, ...]
    """Distance between voxels along each axis; the finest is 1."""
    classes: bool = False
    """Labels are classes, and an object is what hangs together; else each label is an object."""
    boxes: LabelBoxes | None = None
    """Where each object lies, if known; else all of `within` is looked at."""
    locked: Collection[int] = ()
    """Labels whose voxels must not change."""

    def read(self, box: Box) -> NDArray[Any]:
        """Read a box into memory; a copy."""
        return np.array(self.data[box])

    def price(self, box: Box, weight: int = 1) -> Progress:
        """Say, before a box is worked on, how much that takes: its voxels times what each one costs, and those to fetch from the disk.

        Raises
        ------
        UserError
            When the box is too large to be held in memory several times over.
        """
        voxels = size_of(box)
        if voxels > LARGEST:
            raise UserError(
                f"the object fills a box of {voxels / 1e6:.0f} million voxels; work on it slice by slice (turn 3-D off)"
            )
        fetched = self.data.absent(box) if isinstance(self.data, SavedArray) else 0
        return Progress(0, weight * voxels + fetched, "looking at the object")

    def around(self, box: Box, margin: float) -> Box:
        """Widen a box by a margin, in units of the finest axis, and stay within."""
        more = [int(np.ceil(margin / step)) for step in self.spacing]
        sides = zip(box, more, self.within, strict=True)
        return tuple(
            slice(max(side.start - by, limit.start), min(side.stop + by, limit.stop))
            for side, by, limit in sides
        )

    def find(self, seed: Sequence[int]) -> Generator[Progress, None, Found]:
        """Find the object that a voxel belongs to.

        Raises
        ------
        UserError
            When there is background, the object is too large, or was painted over meanwhile.
        """
        value = int(self.data[tuple(seed)])
        if not value:
            raise UserError("there is no object under the mouse; point at one")
        if self.classes:
            return (yield from find_component(self, value, seed))
        return (yield from find_label(self, value))


@dataclass(frozen=True)
class Found:
    """An object: its label, a tight box, and which voxels of that box are its own."""

    value: int
    box: Box
    mask: NDArray[np.bool_]

    @property
    def voxels(self) -> int:
        """How many."""
        return int(np.count_nonzero(self.mask))

    def has(self, voxel: Sequence[int]) -> bool:
        """Return whether a voxel of the array is its own."""
        inside = all(side.start <= i < side.stop for i, side in zip(voxel, self.box, strict=True))
        return inside and bool(
            self.mask[tuple(i - side.start for i, side in zip(voxel, self.box, strict=True))]
        )

    def mask_in(self, box: Box) -> NDArray[np.bool_]:
        """Return its mask in a wider box."""
        wide = np.zeros([side.stop - side.start for side in box], bool)
        wide[
            tuple(
                slice(s.start - b.start, s.stop - b.start)
                for s, b in zip(self.box, box, strict=True)
            )
        ] = self.mask
        return wide


def find_label(place: Place, value: int) -> Generator[Progress, None, Found]:
    """Find all voxels of a label within a place."""
    known = place.boxes.box(value) if place.boxes is not None else None
    box = overlap(known, place.within) if known is not None else place.within
    yield place.price(box)
    return tight(value, box, place.read(box) == value)


def find_component(
    place: Place, value: int, seed: Sequence[int]
) -> Generator[Progress, None, Found]:
    """Find what hangs together with a voxel, corners included, in boxes that grow while it goes on."""
    box = overlap(tuple(slice(i - START, i + START + 1) for i in seed), place.within)
    while True:
        yield place.price(box)
        parts = pieces(place.read(box) == value)
        own = parts[tuple(i - side.start for i, side in zip(seed, box, strict=True))]
        if not own:
            raise UserError("the object was painted over while it was looked at; try again")
        mask = parts == own
        wider = tuple(
            slice(
                max(
                    side.start - (side.stop - side.start) * bool(mask.take(0, axis).any()),
                    limit.start,
                ),
                min(
                    side.stop + (side.stop - side.start) * bool(mask.take(-1, axis).any()),
                    limit.stop,
                ),
            )
            for axis, (side, limit) in enumerate(zip(box, place.within, strict=True))
        )
        if wider == box:
            return tight(value, box, mask)
        box = wider


def pieces(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return numbers to what hangs together, corners included."""
    numbers: NDArray[np.int32] = ndimage.label(mask, np.ones((3,) * mask.ndim, bool))[0]
    return numbers


def tight(value: int, box: Box, mask: NDArray[np.bool_]) -> Found:
    """Cut a box down to the object in it; an empty box when there is none."""
    sides = []
    for axis in range(mask.ndim):
        used = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        sides.append(slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 0))
    moved = tuple(
        slice(s.start + b.start, s.stop + b.start) for s, b in zip(sides, box, strict=True)
    )
    return Found(value, moved, mask[tuple(sides)])


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
