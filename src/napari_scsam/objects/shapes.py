"""Change the shape of one object within a block of labels.

Each function takes the block and the object's mask in it, and returns a new block. An object only
ever grows into background, never into another object. The block must reach beyond the object by
the margin that the caller grows it by. Where it cannot, the object meets the border of the image
and is taken to continue behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.objects.components import label_components


def replace_mask(
    block: NDArray[Any], mask: NDArray[np.bool_], wanted: NDArray[np.bool_]
) -> NDArray[Any]:
    """Replace the mask of an object; it spreads over background only and leaves background."""
    value = block[mask][0]
    without = np.where(mask & ~wanted, block.dtype.type(0), block)
    return np.where(wanted & (block == 0), value, without)


def filled(block: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """Fill the holes of an object; other objects in them stay.

    Raises
    ------
    UserError
        When it has none.
    """
    flat = mask.squeeze()  # a slice has no holes along the axis across it
    holes = scipy.ndimage.binary_fill_holes(flat).reshape(mask.shape) & ~mask & (block == 0)
    if not holes.any():
        raise UserError("the object has no hole")
    return replace_mask(block, mask, mask | holes)


def smoothed(
    block: NDArray[Any], mask: NDArray[np.bool_], by: float, spacing: Sequence[float]
) -> NDArray[Any]:
    """Smooth an object by a Gaussian of `by` voxels of the finest axis.

    Raises
    ------
    UserError
        When nothing would be left.
    """
    soft = scipy.ndimage.gaussian_filter(
        mask.astype(np.float32), [by / step for step in spacing], mode="nearest", truncate=3
    )
    refusal = f"smoothing by {by:g} would leave nothing of the object; choose less"
    return _kept(block, mask, soft >= 0.5, refusal)


def grown(
    block: NDArray[Any], mask: NDArray[np.bool_], by: float, spacing: Sequence[float]
) -> NDArray[Any]:
    """Grow an object by a distance, in voxels of the finest axis."""
    near = scipy.ndimage.distance_transform_edt(~mask, sampling=spacing) <= by
    return replace_mask(block, mask, near)


def shrunk(
    block: NDArray[Any], mask: NDArray[np.bool_], by: float, spacing: Sequence[float]
) -> NDArray[Any]:
    """Shrink an object by a distance, in voxels of the finest axis.

    Raises
    ------
    UserError
        When nothing would be left.
    """
    deep = mask
    if not mask.all():  # else the image ends where the object does, and there is no border
        deep = scipy.ndimage.distance_transform_edt(mask, sampling=spacing) > by
    refusal = f"shrinking by {by:g} would leave nothing of the object; delete it, or choose less"
    return _kept(block, mask, deep, refusal)


def only_largest(block: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """Keep the largest component of an object.

    Raises
    ------
    UserError
        When it has one component only.
    """
    numbers = label_components(mask)
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    if len(sizes) <= 2:
        raise UserError("the object is already in one piece")
    return replace_mask(block, mask, numbers == sizes.argmax())


def bridged(
    block: NDArray[Any],
    one: NDArray[np.bool_],
    other: NDArray[np.bool_],
    widest: float,
    spacing: Sequence[float],
) -> NDArray[Any]:
    """Join two objects of one label across the narrowest part of the gap between them.

    Raises
    ------
    UserError
        When the gap is wider than `widest`, or something else is in it.
    """
    to_one = scipy.ndimage.distance_transform_edt(~one, sampling=spacing)
    to_other = scipy.ndimage.distance_transform_edt(~other, sampling=spacing)
    gap = float(to_one[other].min())
    if gap > widest:
        raise UserError(
            f"the gap between the two is {gap:.0f} pixels wide; "
            f"paint the bridge, this tool closes up to {widest:.0f}"
        )
    # The voxels on a way from one to the other that is hardly longer than the shortest.
    wanted = one | other | (to_one + to_other <= gap + max(2.0, gap / 4))
    after = replace_mask(block, one | other, wanted)
    numbers = label_components(after == block[one][0])
    if numbers[one][0] != numbers[other][0]:
        raise UserError("something else is between the two; erase it first, or paint the bridge")
    return after


def _kept(
    block: NDArray[Any], mask: NDArray[np.bool_], wanted: NDArray[np.bool_], refusal: str
) -> NDArray[Any]:
    if not (wanted & mask).any():
        raise UserError(refusal)
    return replace_mask(block, mask, wanted)
