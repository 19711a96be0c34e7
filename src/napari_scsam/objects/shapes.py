"""Changing the shape of one object within a block of labels.

Each function takes the block, the object's mask in it and gives a new block.
An object only ever grows into background, never into another object. The
block must reach beyond the object by the margin that the caller grows it by;
where it cannot, the object meets the border of the image, and goes on behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_scsam.config import UserError
from napari_scsam.objects.place import pieces


def painted(
    block: NDArray[Any], mask: NDArray[np.bool_], wanted: NDArray[np.bool_]
) -> NDArray[Any]:
    """Return the object another mask: it spreads over background alone, and leaves background behind."""
    value = block[mask][0]
    return np.where(
        wanted & (block == 0), value, np.where(mask & ~wanted, block.dtype.type(0), block)
    )


def filled(block: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """Fill the holes of an object; other objects in them stay.

    Raises
    ------
    UserError
        When it has none.
    """
    flat = mask.squeeze()  # a slice has no holes along the axis that it is cut across
    holes = ndimage.binary_fill_holes(flat).reshape(mask.shape) & ~mask & (block == 0)
    if not holes.any():
        raise UserError("the object has no hole")
    return painted(block, mask, mask | holes)


def smoothed(
    block: NDArray[Any], mask: NDArray[np.bool_], by: float, spacing: Sequence[float]
) -> NDArray[Any]:
    """Round an object off by a Gaussian of `by` voxels of the finest axis.

    Raises
    ------
    UserError
        When nothing would be left.
    """
    soft = ndimage.gaussian_filter(
        mask.astype(np.float32), [by / step for step in spacing], mode="nearest", truncate=3
    )
    return _kept(
        block,
        mask,
        soft >= 0.5,
        f"smoothing by {by:g} would leave nothing of the object; choose less",
    )


def grown(
    block: NDArray[Any], mask: NDArray[np.bool_], by: float, spacing: Sequence[float]
) -> NDArray[Any]:
    """Let an object grow by a distance, in voxels of the finest axis."""
    near = ndimage.distance_transform_edt(~mask, sampling=spacing) <= by
    return painted(block, mask, near)


def shrunk(
    block: NDArray[Any], mask: NDArray[np.bool_], by: float, spacing: Sequence[float]
) -> NDArray[Any]:
    """Let an object shrink by a distance, in voxels of the finest axis.

    Raises
    ------
    UserError
        When nothing would be left.
    """
    deep = mask if mask.all() else ndimage.distance_transform_edt(mask, sampling=spacing) > by
    return _kept(
        block,
        mask,
        deep,
        f"shrinking by {by:g} would leave nothing of the object; delete it, or choose less",
    )


def only_largest(block: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """Keep the largest piece of an object that is in several.

    Raises
    ------
    UserError
        When it is in one.
    """
    numbers = pieces(mask)
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    if len(sizes) <= 2:
        raise UserError("the object is in one piece already")
    return painted(block, mask, numbers == sizes.argmax())


def bridged(
    block: NDArray[Any],
    one: NDArray[np.bool_],
    other: NDArray[np.bool_],
    widest: float,
    spacing: Sequence[float],
) -> NDArray[Any]:
    """Join two objects of one label across the gap between them, by closing it where it is narrowest.

    Raises
    ------
    UserError
        When the gap is wider than `widest`, or something else lies in it.
    """
    to_one, to_other = (
        ndimage.distance_transform_edt(~mask, sampling=spacing) for mask in (one, other)
    )
    gap = float(to_one[other].min())
    if gap > widest:
        raise UserError(
            f"the gap between the two is {gap:.0f} pixels wide; paint the bridge, this tool closes up to {widest:.0f}"
        )
    # The voxels on a way from one to the other that is hardly longer than the shortest.
    wanted = one | other | (to_one + to_other <= gap + max(2.0, gap / 4))
    after = painted(block, one | other, wanted)
    numbers = pieces(after == block[one][0])
    if numbers[one][0] != numbers[other][0]:
        raise UserError("something else lies between the two; erase it first, or paint the bridge")
    return after


def _kept(
    block: NDArray[Any], mask: NDArray[np.bool_], wanted: NDArray[np.bool_], refusal: str
) -> NDArray[Any]:
    if not (wanted & mask).any():
        raise UserError(refusal)
    return painted(block, mask, wanted)
