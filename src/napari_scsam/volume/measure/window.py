"""A block with its surroundings, and the objects of one class in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.volume.blocks import Block
from napari_scsam.volume.measure.runs import find_runs
from napari_scsam.volume.measure.surface import cell_weights, voxel_surfaces

ROUNDING = 1e-9
"""Distances that differ by this share are equal, so that one of exactly the limit counts."""


@dataclass(frozen=True, eq=False)
class Window:
    """A block with a border around it, in which its surroundings are known."""

    start: tuple[int, ...]
    """First voxel of the window in the volume."""
    inner: tuple[slice, ...]
    """The block in the window."""
    size: tuple[float, ...]
    """Of a voxel along each axis."""
    border: tuple[tuple[int, int], ...]
    """1 at each side of the window where the volume ends, else 0."""
    seams: tuple[tuple[bool, bool], ...]
    """Whether another block touches the block at each side."""


@dataclass(frozen=True, eq=False)
class Surface:
    """The voxels of a block that are at the surface of the objects of one class."""

    voxels: NDArray[np.int64]
    """N flat indices in the block."""
    owners: NDArray[np.int64]
    """N: their objects, from 1 on."""
    areas: NDArray[np.float64]
    """N: the part of the surface that belongs to each."""
    points: NDArray[np.int64]
    """N×D indices in the window."""
    numbers: NDArray[np.int32]
    """The block: the place of each surface voxel in this list, else -1."""


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of one class in a window."""

    ids: NDArray[np.uint64]
    compact: NDArray[Any]
    """The window with 1, 2, … in place of the ids."""
    surface: Surface
    """In the block."""
    outer: NDArray[np.int64]
    """Voxels of the window that have a face to something else, by object; N×D."""
    bounds: NDArray[np.intp]
    """Where the voxels of each object begin in `outer`; one more than there are objects."""


def window_of(
    block: Block, shape: Sequence[int], size: tuple[float, ...], distance: float
) -> tuple[Window, tuple[slice, ...]]:
    """Return the window around a block, and where it is in the volume."""
    reach = halo(size, distance)
    low = tuple(max(0, a - n) for a, n in zip(block.start, reach, strict=True))
    high = tuple(min(m, b + n) for b, n, m in zip(block.stop, reach, shape, strict=True))
    inner = tuple(
        slice(a - first, b - first)
        for a, b, first in zip(block.start, block.stop, low, strict=True)
    )
    sides = tuple(zip(low, high, shape, strict=True))
    window = Window(
        start=low,
        inner=inner,
        size=size,
        border=tuple((int(a == 0), int(b == m)) for a, b, m in sides),
        seams=tuple((a > 0, b < m) for a, b, m in zip(block.start, block.stop, shape, strict=True)),
    )
    return window, tuple(map(slice, low, high))


def halo(size: Sequence[float], distance: float) -> tuple[int, ...]:
    """Return how many voxels a distance reaches along each axis; at least one."""
    return tuple(max(1, int(distance / length * (1 + ROUNDING))) for length in size)


def find_objects(labels: NDArray[Any], window: Window) -> Objects:
    """Return what is needed of the objects of one class.

    Parameters
    ----------
    labels
        The window.
    window
        Where it is.
    """
    runs = find_runs(labels)
    outer = np.flatnonzero(_has_outer_face(runs.compact))
    owners = runs.compact.reshape(-1)[outer].astype(np.int64)
    order = np.argsort(owners, kind="stable")
    voxels = np.stack(np.unravel_index(outer[order], labels.shape), axis=1)
    bounds = np.searchsorted(owners[order], np.arange(1, len(runs.ids) + 2))
    return Objects(runs.ids, runs.compact, _find_surface(runs.compact, window), voxels, bounds)


def _find_surface(compact: NDArray[Any], window: Window) -> Surface:
    """Return the surface voxels of the block."""
    padded = np.pad(compact, window.border)
    inner = tuple(
        slice(part.start + before, part.stop + before)
        for part, (before, _) in zip(window.inner, window.border, strict=True)
    )
    areas = voxel_surfaces(padded, cell_weights(window.size))[inner]
    places = np.nonzero(areas)
    voxels = np.ravel_multi_index(places, areas.shape)
    numbers = np.full(areas.shape, -1, np.int32)
    numbers[places] = np.arange(len(voxels))
    return Surface(
        voxels=voxels,
        owners=compact[window.inner][places].astype(np.int64),
        areas=areas[places],
        points=np.stack(places, axis=1) + [part.start for part in window.inner],
        numbers=numbers,
    )


def _has_outer_face(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which voxels of objects have a neighbour across a face that is not of the object."""
    outer = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        before = (slice(None),) * axis + (slice(-1),)
        after = (slice(None),) * axis + (slice(1, None),)
        differ = labels[before] != labels[after]
        outer[before] |= differ
        outer[after] |= differ
    outer &= labels != 0
    return outer
