"""Split one object into parts: by watershed from clicked voxels, or along a drawn line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import scipy
import skimage
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.objects.components import label_components, neighbourhood

MIN_PART_VOXELS = 4
"""Smaller components at a cut are remains of it, not parts."""

MIN_NECK_DEPTH = 0.25
"""Voxels of the finest axis by which an object must narrow between two seeds to have a neck."""


def parts_by_seeds(
    mask: NDArray[np.bool_], seeds: Sequence[Sequence[int]], spacing: Sequence[float]
) -> NDArray[np.int32]:
    """Split an object between two voxels, at its neck, or half-way where it has none.

    The neck is found by a watershed on the distance to the object's border.

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
    inner = (slice(1, -1),) * mask.ndim
    depth = scipy.ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing)[inner]
    markers = np.zeros(mask.shape, np.int32)
    for number, seed in enumerate(seeds, start=1):
        markers[tuple(seed)] = number
    touching = neighbourhood(mask.ndim)
    parts: NDArray[np.int32] = skimage.segmentation.watershed(
        -depth, markers, mask=mask, connectivity=touching
    )
    parts[mask & (parts == 0)] = 1  # components that no seed can reach stay with the first
    if _has_neck(parts, depth):
        return parts
    return np.where(mask, nearest_seed(mask.shape, seeds, spacing), 0).astype(np.int32)


def _has_neck(parts: NDArray[np.int32], depth: NDArray[Any]) -> bool:
    """Whether an object is narrower where its two parts meet than in both of them."""
    border = (parts == 2) & scipy.ndimage.binary_dilation(parts == 1, neighbourhood(parts.ndim))
    if not border.any():
        return True
    shallower = min(depth[parts == 1].max(), depth[parts == 2].max())
    return bool(shallower - depth[border].max() >= MIN_NECK_DEPTH)


def nearest_seed(
    shape: Sequence[int], seeds: Sequence[Sequence[int]], spacing: Sequence[float]
) -> NDArray[np.int32]:
    """Return which of two seeds is nearest to each voxel, 1 or 2."""
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    one, other = (
        sum(((g - i) * step) ** 2 for g, i, step in zip(grid, seed, spacing, strict=True))
        for seed in seeds
    )
    return np.where(other < one, 2, 1).astype(np.int32)


def parts_by_line(
    mask: NDArray[np.bool_], wall: NDArray[np.bool_], spacing: Sequence[float]
) -> NDArray[np.int32]:
    """Split an object along a wall.

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
        When the wall does not cut through the object.
    """
    numbers = label_components(mask & ~wall)
    sizes = np.bincount(numbers.ravel())
    touched = scipy.ndimage.binary_dilation(wall & mask, neighbourhood(mask.ndim))
    at_wall = np.unique(numbers[touched])
    cut = [number for number in at_wall if number and sizes[number] >= MIN_PART_VOXELS]
    if len(cut) < 2:
        raise UserError(
            "the line does not cut through the object; draw it from one side to the other"
        )
    cut.sort(key=lambda number: -sizes[number])
    part_of = np.ones(len(sizes), np.int32)
    part_of[cut] = np.arange(1, len(cut) + 1)
    small = [number for number in at_wall if sizes[number] < MIN_PART_VOXELS]
    remains = mask & (wall | np.isin(numbers, small))
    parts = np.where(mask & ~remains, part_of[numbers], 0).astype(np.int32)
    nearest = scipy.ndimage.distance_transform_edt(
        parts == 0, sampling=spacing, return_distances=False, return_indices=True
    )
    parts[remains] = parts[tuple(axis[remains] for axis in nearest)]
    return parts


def wall_along(points: Sequence[Sequence[float]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Draw a line through points (row, column) that is closed at its corners, too."""
    drawn = np.zeros(shape, bool)
    corners = np.rint(np.asarray(points)).astype(int)
    for start, end in pairwise(corners):
        rows, columns = skimage.draw.line(*start, *end)
        # The second fills the corner of each diagonal step.
        for row, column in ((rows, columns), (rows[1:], columns[:-1])):
            inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
            drawn[row[inside], column[inside]] = True
    return drawn


def relabel_parts(
    block: NDArray[Any], parts: NDArray[np.int32], labels: Sequence[int]
) -> NDArray[Any]:
    """Set new labels for the second part and all further ones; the first keeps its label."""
    after = block.copy()
    for number, label in enumerate(labels, start=2):
        after[parts == number] = label
    return after


def separate_parts(block: NDArray[Any], parts: NDArray[np.int32]) -> NDArray[Any]:
    """Separate parts of one label by background, one voxel wide."""
    border = (parts > 0) & (scipy.ndimage.maximum_filter(parts, size=3) > parts)
    return np.where(border, block.dtype.type(0), block)
