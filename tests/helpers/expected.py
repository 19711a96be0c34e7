"""What edits must make of labels, voxel by voxel, and where there is something to edit: from numpy and scipy alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

Array = np.ndarray
Voxel = tuple[int, int, int]
Check = Callable[[Array, Array], None]
"""Given the labels before and after, asserts that they are right."""

BY = 2.0
"""Pixels that an object grows, shrinks and is smoothed by, as the window starts with."""
SMALLEST = 50
"""Pixels of an object that is not too small, as the window starts with."""


class NothingThereError(LookupError):
    """The labels hold nothing that this act could work on."""


def becomes(expected: Callable[[Array], Array]) -> Check:
    """Create a check out of what must come."""
    return lambda before, after: np.testing.assert_array_equal(after, expected(before))


def stays(before: Array, after: Array) -> None:
    """Check that nothing changed."""
    np.testing.assert_array_equal(after, before)


# What an act works on


def pieces(mask: Array) -> tuple[Array, int]:
    """Number what hangs together, corners included."""
    return ndimage.label(mask, np.ones((3,) * mask.ndim))


def piece_at(mask: Array, voxel: Voxel) -> Array:
    """Return what hangs together with a voxel in its slice, as a mask of the volume."""
    numbers = pieces(mask[voxel[0]])[0]
    found = np.zeros(mask.shape, bool)
    found[voxel[0]] = numbers == numbers[voxel[1:]]
    return found


def depth(mask: Array) -> Array:
    """Return how far each pixel of a flat mask is from what lies outside it, the border of the picture included."""
    return ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]


def deepest(mask: Array, z: int, least: float) -> Voxel:
    """Find the pixel of a flat mask that is farthest inside."""
    inside = depth(mask)
    if inside.max() < least:
        raise NothingThereError(f"nothing on slice {z} is {least} pixels deep")
    y, x = np.unravel_index(inside.argmax(), inside.shape)
    return z, int(y), int(x)


def large_object(labels: Array, value: int, least: float = 5.0) -> Voxel:
    """Find the middle of a bulky object of a class, on whatever slice."""
    depths = [depth(plane == value).max() for plane in labels]
    z = int(np.argmax(depths))
    return deepest(labels[z] == value, z, least)


def free_place(labels: Array, z: int, value: int) -> Voxel:
    """Find where a slice has most room for a new object of a class."""
    return deepest(labels[z] != value, z, 12.0)


def rim(labels: Array, value: int, voxel: Voxel) -> Voxel:
    """Find the nearest pixel of a class."""
    z, y, x = voxel
    rows, columns = np.nonzero(labels[z] == value)
    if not len(rows):
        raise NothingThereError(f"nothing of class {value} on slice {z}")
    nearest = np.argmin((rows - y) ** 2 + (columns - x) ** 2)
    return z, int(rows[nearest]), int(columns[nearest])


# What must come


def within(
    value: int, seed: Voxel, change: Callable[[Array, Array], Array]
) -> Callable[[Array], Array]:
    """Say what becomes of the object at a voxel, and of nothing else: the change gets slice and mask, and gives another mask."""

    def expected(before: Array) -> Array:
        after, z = before.copy(), seed[0]
        mask = piece_at(before == value, seed)[z]
        wanted = change(before[z], mask)
        after[z] = np.where(
            wanted & (before[z] == 0), value, np.where(mask & ~wanted, 0, before[z])
        )
        return after

    return expected


def smoothed(_plane: Array, mask: Array) -> Array:
    """Round a mask off."""
    return (
        ndimage.gaussian_filter(mask[None].astype(np.float32), BY, mode="nearest", truncate=3)[0]
        >= 0.5
    )


def grown(_plane: Array, mask: Array) -> Array:
    """Grow a mask."""
    return ndimage.distance_transform_edt(~mask) <= BY


def shrunk(_plane: Array, mask: Array) -> Array:
    """Shrink a mask."""
    return ndimage.distance_transform_edt(mask) > BY


def grown_through_slices(seed: Voxel, apart: float) -> Callable[[Array], Array]:
    """Say what becomes of an object that grows in 3-D, where slices lie so many pixels apart."""

    def expected(before: Array) -> Array:
        value = before[seed]
        numbers, _ = pieces(before == value)
        mask = numbers == numbers[seed]
        near = ndimage.distance_transform_edt(~mask, sampling=(apart, 1, 1)) <= BY
        return np.where(near & (before == 0), value, before)

    return expected


def without(value: int, z: int, gone: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Say what is left of a class on a slice, when pieces of some sizes go."""

    def expected(before: Array) -> Array:
        after = before.copy()
        numbers, _ = pieces(before[z] == value)
        sizes = np.bincount(numbers.ravel())
        sizes[0] = 0
        after[z][gone(sizes)[numbers] & (numbers > 0)] = 0
        return after

    return expected


def stroke(start: Voxel, end: Voxel, label: int, size: int) -> Check:
    """Check a brush stroke: full along the line, nothing beside it; a pixel at the rim may be either."""

    def check(before: Array, after: Array) -> None:
        a, b = np.array(start[1:], float), np.array(end[1:], float)
        grid = np.stack(np.indices(before.shape[1:]), -1)
        share = np.clip(((grid - a) @ (b - a)) / max(1e-9, (b - a) @ (b - a)), 0, 1)
        away = np.linalg.norm(grid - (a + share[..., None] * (b - a)), axis=-1)
        there = np.full(before.shape, np.inf)
        there[start[0]] = away
        assert (after[there <= size / 2 - 1.2] == label).all()
        changed = after != before
        assert (there[changed] <= size / 2 + 1.2).all()
        assert (after[changed] == label).all()
        assert changed.any()

    return check


def parted(one: Voxel, other: Voxel) -> Check:
    """Check that a line of background came between two voxels of one object."""

    def check(before: Array, after: Array) -> None:
        value, own = before[one], piece_at(before == before[one], one)
        changed = after != before
        assert own[other], "they were one object"
        assert not piece_at(after == value, one)[other]
        assert (own | ~changed).all()
        assert (after[changed] == 0).all()
        assert changed.sum() < own.sum() / 3
        assert pieces((after[one[0]] == value) & own[one[0]])[1] == 2

    return check


def joined(one: Voxel, other: Voxel) -> Check:
    """Check that two objects of a class became one, over background alone."""

    def check(before: Array, after: Array) -> None:
        value, changed = before[one], after != before
        assert not piece_at(before == value, one)[other], "they were two"
        assert piece_at(after == value, one)[other]
        assert (before[changed] == 0).all()
        assert (after[changed] == value).all()
        assert set(np.nonzero(changed)[0]) == {one[0]}

    return check
