"""The object tools: each finds its objects and gives what to write, and writes nothing.

Each is a generator that says, before each step, how much it takes (`Progress`,
its total in voxels), so that its caller can do a small one at once and
send a large one to a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.objects.boxes import Box
from napari_scsam.objects.cuts import apart, parted, parts_by_line, parts_by_seeds
from napari_scsam.objects.place import Found, Place, union
from napari_scsam.objects.shapes import bridged, filled, grown, only_largest, shrunk, smoothed
from napari_scsam.steps import Progress

HEAVY = 32
"""How many times longer distances, watersheds and the like take than a comparison."""

WIDEST_GAP = 32
"""Pixels; a wider gap between two objects of a class is not closed by merging them."""

Voxel = Sequence[int]
Reshape = Callable[[NDArray[Any], NDArray[np.bool_]], NDArray[Any]]


@dataclass(frozen=True)
class Edit:
    """Voxels to write, what they held when that was found out, and what they shall hold."""

    indices: tuple[NDArray[np.int32], ...]
    before: NDArray[Any]
    after: NDArray[Any]

    @property
    def size(self) -> int:
        """How many voxels."""
        return len(self.before)


Tool = Generator[Progress, None, Edit]


def edit_of(place: Place, box: Box, before: NDArray[Any], after: NDArray[Any]) -> Edit:
    """Turn a changed block into what to write; locked labels stay."""
    differ = before != after
    if place.locked:
        differ &= ~np.isin(before, list(place.locked))
    indices = tuple(
        axis.astype(np.int32) + np.int32(side.start)
        for axis, side in zip(np.nonzero(differ), box, strict=True)
    )
    return Edit(indices, before[differ], after[differ].astype(before.dtype))


def together(edits: Sequence[Edit], ndim: int) -> Edit:
    """Make one edit of several that do not overlap."""
    if not edits:
        return Edit((np.zeros(0, np.int32),) * ndim, np.zeros(0, np.uint8), np.zeros(0, np.uint8))
    indices = tuple(
        np.concatenate(axes) for axes in zip(*(edit.indices for edit in edits), strict=True)
    )
    return Edit(
        indices, np.concatenate([e.before for e in edits]), np.concatenate([e.after for e in edits])
    )


def still(found: Found, box: Box, block: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the mask of an object in a block that was read later: what was painted over meanwhile is the user's.

    Raises
    ------
    UserError
        When nothing of it is left.
    """
    mask: NDArray[np.bool_] = found.mask_in(box) & (block == found.value)
    if not mask.any():
        raise UserError("the object was painted over while it was looked at; try again")
    return mask


def _reshape(
    place: Place, seed: Voxel, change: Reshape, *, margin: float = 0, weight: int = 1
) -> Tool:
    found = yield from place.find(seed)
    box = place.around(found.box, margin)
    yield place.price(box, weight)
    block = place.read(box)
    return edit_of(place, box, block, change(block, still(found, box, block)))


def delete(place: Place, seed: Voxel) -> Tool:
    """Turn an object into background."""
    return _reshape(place, seed, lambda block, mask: np.where(mask, block.dtype.type(0), block))


def relabel(place: Place, seed: Voxel, value: int) -> Tool:
    """Return an object another label."""
    return _reshape(place, seed, lambda block, mask: np.where(mask, block.dtype.type(value), block))


def fill_holes(place: Place, seed: Voxel) -> Tool:
    """Fill the holes of an object that hold background."""
    return _reshape(place, seed, filled, margin=max(place.spacing), weight=HEAVY)


def smooth(place: Place, seed: Voxel, by: float) -> Tool:
    """Round an object off."""
    change: Reshape = lambda block, mask: smoothed(block, mask, by, place.spacing)  # noqa: E731  # named for its type
    return _reshape(place, seed, change, margin=3 * by, weight=HEAVY)


def grow(place: Place, seed: Voxel, by: float) -> Tool:
    """Let an object grow into background."""
    change: Reshape = lambda block, mask: grown(block, mask, by, place.spacing)  # noqa: E731  # named for its type
    return _reshape(place, seed, change, margin=by, weight=HEAVY)


def shrink(place: Place, seed: Voxel, by: float) -> Tool:
    """Let an object shrink; other objects' borders shrink it as background does."""
    change: Reshape = lambda block, mask: shrunk(block, mask, by, place.spacing)  # noqa: E731  # named for its type
    return _reshape(place, seed, change, margin=max(place.spacing), weight=HEAVY)


def merge(place: Place, first: Voxel, second: Voxel) -> Tool:
    """Return the second object the label of the first; two of one class are joined across the gap between them."""
    one = yield from place.find(first)
    other = yield from place.find(second)
    if one.value == other.value:
        return (yield from _bridge(place, one, other, second))
    yield place.price(other.box)
    block = place.read(other.box)
    return edit_of(
        place,
        other.box,
        block,
        np.where(still(other, other.box, block), block.dtype.type(one.value), block),
    )


def _bridge(place: Place, one: Found, other: Found, second: Voxel) -> Tool:
    if not place.classes or one.has(second):
        raise UserError("both are one object already; point at another")
    box = place.around(union(one.box, other.box), WIDEST_GAP // 4)
    yield place.price(box, HEAVY)
    block = place.read(box)
    return edit_of(
        place,
        box,
        block,
        bridged(block, still(one, box, block), still(other, box, block), WIDEST_GAP, place.spacing),
    )


def split(place: Place, first: Voxel, second: Voxel) -> Tool:
    """Part an object between two of its voxels; the part of the first keeps the label."""
    if tuple(first) == tuple(second):
        raise UserError("both seeds are one pixel; point at the other half of the object")
    found = yield from place.find(first)
    if not found.has(second):
        raise UserError("the two seeds lie in different objects; point at two halves of one")
    yield place.price(found.box, HEAVY)
    seeds = [
        tuple(i - side.start for i, side in zip(seed, found.box, strict=True))
        for seed in (first, second)
    ]
    return _part(place, found, parts_by_seeds(found.mask, seeds, place.spacing))


def cut(place: Place, seed: Voxel, wall: NDArray[np.bool_], plane_box: Box) -> Tool:
    """Part an object along a drawn line, straight through all the slices of the place.

    Parameters
    ----------
    seed
        A voxel of the object.
    wall
        The line in the slice that it was drawn in.
    plane_box
        That slice.
    """
    found = yield from place.find(seed)
    yield place.price(found.box, HEAVY)
    axes = [
        slice(0, 1) if side.stop - side.start == 1 else own
        for own, side in zip(found.box, plane_box, strict=True)
    ]
    standing = np.broadcast_to(wall[tuple(axes)], found.mask.shape)
    return _part(place, found, parts_by_line(found.mask, standing, place.spacing))


def _part(place: Place, found: Found, parts: NDArray[np.int32]) -> Edit:
    block = place.read(found.box)
    parts = np.where(still(found, found.box, block), parts, 0)
    if place.classes:
        return edit_of(place, found.box, block, parted(block, parts))
    needed = int(parts.max()) - 1
    highest = int(np.iinfo(block.dtype).max)
    labels = place.boxes.unused(needed, highest) if place.boxes is not None else []
    if len(labels) < needed:
        raise UserError(
            f"no label is free up to {highest}; convert the layer to a larger type (right-click it, Convert data type)"
        )
    return edit_of(place, found.box, block, apart(block, parts, labels))


def keep_largest(place: Place, seed: Voxel) -> Tool:
    """Delete all pieces of a label but the largest: of an object, or of a class within the place."""
    return _reshape(replace(place, classes=False), seed, only_largest, weight=HEAVY)
