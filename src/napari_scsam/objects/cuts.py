"""Cutting one object into parts: by watershed from clicked voxels, or along a drawn line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import line
from skimage.segmentation import watershed

from napari_scsam.config import UserError
from napari_scsam.objects.place import pieces

SPECK = 4
"""Pieces of fewer voxels beside a cut are crumbs of it, not parts."""


NECK = 0.25
"""Voxels of the finest axis; an object that narrows by less between two seeds has no neck there."""


def parts_by_seeds(
    mask: NDArray[np.bool_], seeds: Sequence[Sequence[int]], spacing: Sequence[float]
) -> NDArray[np.int32]:
    """Part an object between two voxels: at its neck, by watershed on the distance to its border, or half-way where it has none.

    Parameters
    ----------
    mask
        The object.
    seeds
        Two voxels of the mask.

    Returns
    -------
    parts
        1 for the first seed, 2 for the second; 0 outside the object.
    """
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing)[
        (slice(1, -1),) * mask.ndim
    ]
    markers = np.zeros(mask.shape, np.int32)
    for number, seed in enumerate(seeds, start=1):
        markers[tuple(seed)] = number
    touching = np.ones((3,) * mask.ndim, bool)
    parts: NDArray[np.int32] = watershed(-depth, markers, mask=mask, connectivity=touching)
    parts[mask & (parts == 0)] = 1  # pieces that no seed can reach stay with the first
    border = (parts == 2) & ndimage.binary_dilation(parts == 1, touching)
    if (
        border.any()
        and min(depth[parts == 1].max(), depth[parts == 2].max()) - depth[border].max() < NECK
    ):
        return np.where(mask, nearest_seed(mask.shape, seeds, spacing), 0).astype(np.int32)
    return parts


def nearest_seed(
    shape: Sequence[int], seeds: Sequence[Sequence[int]], spacing: Sequence[float]
) -> NDArray[np.int32]:
    """Tell which seed is nearest, 1 or 2."""
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    one, other = (
        sum(((g - i) * step) ** 2 for g, i, step in zip(grid, seed, spacing, strict=True))
        for seed in seeds
    )
    return np.where(other < one, 2, 1).astype(np.int32)


def parts_by_line(
    mask: NDArray[np.bool_], wall: NDArray[np.bool_], spacing: Sequence[float]
) -> NDArray[np.int32]:
    """Part an object along a wall.

    Parameters
    ----------
    mask
        The object.
    wall
        Where it is cut; its voxels go to the nearest part.

    Returns
    -------
    parts
        1 for the largest part and what the wall does not touch, then 2, 3, …; 0 outside the object.

    Raises
    ------
    UserError
        When the wall does not cut it through.
    """
    numbers = pieces(mask & ~wall)
    sizes = np.bincount(numbers.ravel())
    beside = np.unique(
        numbers[ndimage.binary_dilation(wall & mask, np.ones((3,) * mask.ndim, bool))]
    )
    cut = [number for number in beside if number and sizes[number] >= SPECK]
    if len(cut) < 2:
        raise UserError(
            "the line does not cut the object through; draw it from one side to the other"
        )
    cut.sort(key=lambda number: -sizes[number])
    part_of = np.ones(len(sizes), np.int32)
    part_of[cut] = np.arange(1, len(cut) + 1)
    crumbs = mask & (wall | np.isin(numbers, [n for n in beside if sizes[n] < SPECK]))
    parts = np.where(mask & ~crumbs, part_of[numbers], 0).astype(np.int32)
    nearest = ndimage.distance_transform_edt(
        parts == 0, sampling=spacing, return_distances=False, return_indices=True
    )
    parts[crumbs] = parts[tuple(axis[crumbs] for axis in nearest)]
    return parts


def wall_along(points: Sequence[Sequence[float]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Draw a line through points (row, column) that nothing can slip through, not even across a corner."""
    drawn = np.zeros(shape, bool)
    corners = np.rint(np.asarray(points)).astype(int)
    for start, end in pairwise(corners):
        rows, columns = line(*start, *end)
        for row, column in (
            (rows, columns),
            (rows[1:], columns[:-1]),
        ):  # the second fills the corner of each diagonal step
            inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
            drawn[row[inside], column[inside]] = True
    return drawn


def apart(block: NDArray[Any], parts: NDArray[np.int32], labels: Sequence[int]) -> NDArray[Any]:
    """Return the second part and all further ones labels of their own; the first keeps its."""
    after = block.copy()
    for number, label in enumerate(labels, start=2):
        after[parts == number] = label
    return after


def parted(block: NDArray[Any], parts: NDArray[np.int32]) -> NDArray[Any]:
    """Put background, one voxel wide, between parts that keep one label."""
    border = (parts > 0) & (ndimage.maximum_filter(parts, size=3) > parts)
    return np.where(border, block.dtype.type(0), block)
