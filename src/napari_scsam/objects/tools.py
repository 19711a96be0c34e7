"""The object tools: each finds its objects and returns what to write; it writes nothing.

Each is a generator that yields, before each step, how much work it is (`Progress`, its total in
voxels). So its caller can do a small step at once and send a large one to a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.objects.boxes import Box
from napari_scsam.objects.cuts import parts_by_line, parts_by_seeds, relabel_parts, separate_parts
from napari_scsam.objects.place import FoundObject, Place, index_in_box, union
from napari_scsam.objects.shapes import bridged, filled, grown, only_largest, shrunk, smoothed
from napari_scsam.steps import Progress

DISTANCE_COST = 32
"""How many times longer distances and watersheds take than a comparison."""

MAX_GAP = 32
"""Pixels; merging closes no wider gap between two objects of a class."""

Voxel = Sequence[int]
Reshape = Callable[[NDArray[Any], NDArray[np.bool_]], NDArray[Any]]


@dataclass(frozen=True)
class Edit:
    """Voxels to write, with their values before and after."""

    indices: tuple[NDArray[np.int32], ...]
    before: NDArray[Any]
    after: NDArray[Any]

    @property
    def size(self) -> int:
        """Number of voxels."""
        return len(self.before)


Tool = Generator[Progress, None, Edit]


def edit_of(place: Place, box: Box, before: NDArray[Any], after: NDArray[Any]) -> Edit:
    """Return the voxels that a changed block writes; locked labels stay."""
    differ = before != after
    if place.locked:
        differ &= ~np.isin(before, list(place.locked))
    indices = tuple(
        axis.astype(np.int32) + np.int32(side.start)
        for axis, side in zip(np.nonzero(differ), box, strict=True)
    )
    return Edit(indices, before[differ], after[differ].astype(before.dtype))


def merge_edits(edits: Sequence[Edit], ndim: int) -> Edit:
    """Merge several edits that do not overlap into one."""
    if not edits:
        none = np.zeros(0, np.uint8)
        return Edit((np.zeros(0, np.int32),) * ndim, none, none)
    indices = tuple(
        np.concatenate(axes) for axes in zip(*(edit.indices for edit in edits), strict=True)
    )
    return Edit(
        indices, np.concatenate([e.before for e in edits]), np.concatenate([e.after for e in edits])
    )


def unchanged_mask(found: FoundObject, box: Box, block: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the mask of an object in a block that was read later.

    Voxels that the user painted over meanwhile are left out.

    Raises
    ------
    UserError
        When nothing of it is left.
    """
    mask: NDArray[np.bool_] = found.mask_in(box) & (block == found.value)
    if not mask.any():
        raise UserError("the object changed while it was being analysed; try again")
    return mask


def _reshape(
    place: Place, seed: Voxel, change: Reshape, *, margin: float = 0, weight: int = 1
) -> Tool:
    found = yield from place.find(seed)
    box = place.around(found.box, margin)
    yield place.price(box, weight)
    block = place.read(box)
    return edit_of(place, box, block, change(block, unchanged_mask(found, box, block)))


def delete(place: Place, seed: Voxel) -> Tool:
    """Turn an object into background."""
    return _reshape(place, seed, lambda block, mask: np.where(mask, block.dtype.type(0), block))


def relabel(place: Place, seed: Voxel, value: int) -> Tool:
    """Set the label of an object."""
    return _reshape(place, seed, lambda block, mask: np.where(mask, block.dtype.type(value), block))


def fill_holes(place: Place, seed: Voxel) -> Tool:
    """Fill the holes of an object that hold background."""
    return _reshape(place, seed, filled, margin=max(place.spacing), weight=DISTANCE_COST)


def smooth(place: Place, seed: Voxel, by: float) -> Tool:
    """Smooth the outline of an object."""
    change: Reshape = lambda block, mask: smoothed(block, mask, by, place.spacing)  # noqa: E731  # named for its type
    return _reshape(place, seed, change, margin=3 * by, weight=DISTANCE_COST)


def grow(place: Place, seed: Voxel, by: float) -> Tool:
    """Grow an object into background."""
    change: Reshape = lambda block, mask: grown(block, mask, by, place.spacing)  # noqa: E731  # named for its type
    return _reshape(place, seed, change, margin=by, weight=DISTANCE_COST)


def shrink(place: Place, seed: Voxel, by: float) -> Tool:
    """Shrink an object, also where it touches other objects."""
    change: Reshape = lambda block, mask: shrunk(block, mask, by, place.spacing)  # noqa: E731  # named for its type
    return _reshape(place, seed, change, margin=max(place.spacing), weight=DISTANCE_COST)


def merge(place: Place, first: Voxel, second: Voxel) -> Tool:
    """Merge the second object into the first, whose label it gets.

    Two objects of one class are joined across the gap between them.
    """
    one = yield from place.find(first)
    other = yield from place.find(second)
    if one.value == other.value:
        return (yield from _bridge(place, one, other, second))
    yield place.price(other.box)
    block = place.read(other.box)
    mask = unchanged_mask(other, other.box, block)
    merged = np.where(mask, block.dtype.type(one.value), block)
    return edit_of(place, other.box, block, merged)


def _bridge(place: Place, one: FoundObject, other: FoundObject, second: Voxel) -> Tool:
    if not place.classes or one.has(second):
        raise UserError("both points are on one object; point at another object")
    box = place.around(union(one.box, other.box), MAX_GAP // 4)
    yield place.price(box, DISTANCE_COST)
    block = place.read(box)
    first_mask = unchanged_mask(one, box, block)
    second_mask = unchanged_mask(other, box, block)
    joined = bridged(block, first_mask, second_mask, MAX_GAP, place.spacing)
    return edit_of(place, box, block, joined)


def split(place: Place, first: Voxel, second: Voxel) -> Tool:
    """Split an object between two of its voxels; the part of the first keeps the label."""
    if tuple(first) == tuple(second):
        raise UserError("both seeds are the same pixel; point at the other half of the object")
    found = yield from place.find(first)
    if not found.has(second):
        raise UserError("the two seeds are in different objects; point at two halves of one")
    yield place.price(found.box, DISTANCE_COST)
    seeds = [index_in_box(seed, found.box) for seed in (first, second)]
    return _part(place, found, parts_by_seeds(found.mask, seeds, place.spacing))


def cut(place: Place, seed: Voxel, wall: NDArray[np.bool_], plane_box: Box) -> Tool:
    """Cut an object along a drawn line, straight through all the slices of the place.

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
    yield place.price(found.box, DISTANCE_COST)
    standing = np.broadcast_to(wall[_box_of_wall(found.box, plane_box)], found.mask.shape)
    return _part(place, found, parts_by_line(found.mask, standing, place.spacing))


def _box_of_wall(box: Box, plane_box: Box) -> Box:
    """Return a box; it is one voxel thick along the axis that slices are taken across."""
    return tuple(
        slice(0, 1) if side.stop - side.start == 1 else own
        for own, side in zip(box, plane_box, strict=True)
    )


def _part(place: Place, found: FoundObject, parts: NDArray[np.int32]) -> Edit:
    block = place.read(found.box)
    parts = np.where(unchanged_mask(found, found.box, block), parts, 0)
    if place.classes:
        return edit_of(place, found.box, block, separate_parts(block, parts))
    needed = int(parts.max()) - 1
    highest = int(np.iinfo(block.dtype).max)
    labels = []
    if place.boxes is not None:
        labels = place.boxes.unused(needed, highest)
    if len(labels) < needed:
        raise UserError(
            f"all labels up to {highest} are in use; "
            "convert the layer to a larger type (right-click it, Convert data type)"
        )
    return edit_of(place, found.box, block, relabel_parts(block, parts, labels))


def keep_largest(place: Place, seed: Voxel) -> Tool:
    """Delete all pieces of an object but the largest; in a class array an object is one piece."""
    return _reshape(place, seed, only_largest, weight=DISTANCE_COST)
