"""Splitting objects that touch: the basins of one block, which fit those of its neighbours.

Each voxel climbs to its neighbour that is deepest inside the object, until none is deeper: a
watershed of the distance to the background (Couprie and Bertrand 1997; Cousty et al. 2009,
"Watershed cuts"). A step depends on a voxel's neighbours alone, and distances are cut off at
`REACH` voxels. So blocks that are read with that halo agree on every voxel. Where a voxel climbs
out of its block, its basin is continued in the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_scsam.volume.blocks import Block

REACH = 32
"""Distances are cut off at so many of the shortest sides of a voxel."""

HEIGHT_STEPS = 1024
"""Heights are whole numbers, in parts of the shortest side, so that equal ones are equal."""


@dataclass(frozen=True)
class Basins:
    """The basins in a block."""

    labels: NDArray[np.uint32]
    """Provisional numbers from 1 on."""
    heights: NDArray[np.int32]
    """Distance to the background at each voxel of the block."""
    peaks: NDArray[np.int64]
    """Greatest height of each basin."""
    places: NDArray[np.int64]
    """Position of its peak in the volume; where it leaves the block, of the voxel behind it."""
    leaves: NDArray[np.bool_]
    """Whether it is continued in another block."""
    saddles: NDArray[np.int64]
    """M×3: two basins that touch, and the greatest height at which they do."""


def halo_of(sampling: Sequence[float]) -> tuple[int, ...]:
    """Return how much more than a block is read: `REACH`, and a voxel for those beside the block."""
    return tuple(ceil(REACH * min(sampling) / size) + 1 for size in sampling)


def heights_of(components: NDArray[np.uint32], sampling: Sequence[float]) -> NDArray[np.int32]:
    """Return the distance of each voxel to what is not its component, cut off at `REACH`.

    The border of the array is not background.
    """
    heights = np.zeros(components.shape, np.int32)
    unit = min(sampling)
    for number, box in enumerate(scipy.ndimage.find_objects(components), start=1):
        if box is None:
            continue
        # What is nearest to a component is in its box, or one voxel beside it.
        wide = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in box)
        mask = components[wide] == number
        distance = np.full(mask.shape, float(REACH))
        if not mask.all():
            sizes = [size / unit for size in sampling]
            distance = scipy.ndimage.distance_transform_edt(mask, sampling=sizes)
        whole = np.rint(np.minimum(distance, REACH) * HEIGHT_STEPS).astype(np.int32)
        heights[wide][mask] = whole[mask]
    return heights


def basins_of(
    components: NDArray[np.uint32],
    sampling: Sequence[float],
    where: Sequence[slice],
    block: Block,
    shape: Sequence[int],
) -> Basins:
    """Return the basins of a block.

    Parameters
    ----------
    components
        Of the block with its halo.
    sampling
        Size of a voxel along each axis.
    where
        Position of the block with its halo.
    block, shape
        The block, and the shape of the volume.
    """
    heights = heights_of(components, sampling)
    before = [max(0, first - 1) for first in block.start]
    behind = [min(length, last + 1) for last, length in zip(block.stop, shape, strict=True)]
    inside = tuple(
        slice(low - wide.start, high - wide.start)
        for low, high, wide in zip(before, behind, where, strict=True)
    )
    rims = [
        (low - first + 1, last + 1 - high)
        for low, high, first, last in zip(before, behind, block.start, block.stop, strict=True)
    ]
    return climb(
        np.pad(heights[inside], rims), np.pad(components[inside], rims), block.start, shape
    )


def climb(
    heights: NDArray[np.int32],
    components: NDArray[np.uint32],
    start: Sequence[int],
    shape: Sequence[int],
) -> Basins:
    """Return the basins of a block.

    Parameters
    ----------
    heights, components
        Of the block and one voxel around it, which is 0 outside of the volume.
    start, shape
        Position of the block in the volume, and the shape of the volume.
    """
    region = _Region(heights, components)
    parents = region.parents()
    outside = region.number.ravel()[parents] < 0
    roots = np.where(outside, np.arange(len(parents)), region.number.ravel()[parents])
    while True:
        further = roots[roots]
        if np.array_equal(further, roots):
            break
        roots = further
    kept, numbers = np.unique(roots, return_inverse=True)
    labels = np.zeros(heights.shape, np.uint32)
    labels.ravel()[region.places] = numbers + 1
    core = (slice(1, -1),) * heights.ndim
    behind = np.unravel_index(parents[kept], heights.shape)
    whole = tuple(place + first - 1 for place, first in zip(behind, start, strict=True))
    return Basins(
        labels=np.ascontiguousarray(labels[core]),
        heights=np.ascontiguousarray(heights[core]),
        peaks=heights.ravel()[region.places[kept]].astype(np.int64),
        places=np.ravel_multi_index(whole, tuple(shape)).astype(np.int64),
        leaves=outside[kept],
        saddles=highest_saddles(region.saddles(labels.ravel())),
    )


class _Region:
    """The voxels of a block that are inside of objects.

    Parameters
    ----------
    heights, components
        As in `climb`.
    """

    def __init__(self, heights: NDArray[np.int32], components: NDArray[np.uint32]) -> None:
        self._heights = heights.ravel()
        self._components = components.ravel()
        inside = np.zeros(heights.shape, bool)
        core = (slice(1, -1),) * heights.ndim
        inside[core] = heights[core] > 0
        self.places = np.flatnonzero(inside)
        """Flat positions of the voxels inside, in reading order."""
        self.number = np.full(heights.shape, -1, np.int64)
        """The place of each voxel in `places`; -1 for others."""
        self.number.ravel()[self.places] = np.arange(len(self.places))
        strides = np.array(
            [int(np.prod(heights.shape[axis + 1 :])) for axis in range(heights.ndim)]
        )
        self._steps = [int(strides @ step) for step in product((-1, 0, 1), repeat=heights.ndim)]

    def parents(self) -> NDArray[np.int64]:
        """Return the highest voxel at or beside each; of equal ones the first in reading order."""
        best = np.full(len(self.places), -1, np.int32)
        parents = self.places.copy()
        for step in self._steps:
            beside = self.places + step
            height = np.where(
                self._components[beside] == self._components[self.places],
                self._heights[beside],
                -1,
            )
            higher = height > best
            best[higher] = height[higher]
            parents[higher] = beside[higher]
        return parents

    def saddles(self, labels: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Return where two basins of one component touch, N×3: basins, and height."""
        found = [np.zeros((0, 3), np.int64)]
        for step in self._steps[len(self._steps) // 2 + 1 :]:
            beside = self.places + step
            one = labels[self.places]
            other = labels[beside]
            touch = (other > 0) & (one != other)
            touch &= self._components[beside] == self._components[self.places]
            height = np.minimum(
                self._heights[self.places[touch]], self._heights[beside[touch]]
            ).astype(np.int64)
            found.append(np.stack([one[touch], other[touch], height], axis=1).astype(np.int64))
        return np.concatenate(found)


def highest_saddles(saddles: NDArray[Any]) -> NDArray[np.int64]:
    """Return each pair of basins once, the smaller first, with its greatest height."""
    if not len(saddles):
        return np.zeros((0, 3), np.int64)
    low = saddles[:, :2].min(axis=1)
    high = saddles[:, :2].max(axis=1)
    order = np.lexsort((-saddles[:, 2], high, low))
    low = low[order]
    high = high[order]
    new = np.ones(len(order), bool)
    new[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return np.stack([low[new], high[new], saddles[order][new, 2]], axis=1).astype(np.int64)
