"""Measure one block of a label image: everything but what crosses its faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.volume.blocks import Block
from napari_scsam.volume.measure.extremes import Ends, find_ends, longest_axes
from napari_scsam.volume.measure.runs import ObjectRuns, find_runs
from napari_scsam.volume.measure.seams import BlockFace, PackedPlane, pack_plane
from napari_scsam.volume.measure.sums import ObjectSums, sum_runs
from napari_scsam.volume.measure.surface import cell_weights, surfaces


@dataclass(frozen=True, eq=False)
class MeasuredPart:
    """What was measured in one block."""

    sums: ObjectSums
    ends: Ends
    planes: dict[BlockFace, PackedPlane]
    """The outermost voxels at each face that another block touches."""


def measure_part(
    labels: NDArray[Any],
    block: Block,
    shape: Sequence[int],
    size: Sequence[float],
    image: NDArray[Any] | None = None,
) -> MeasuredPart:
    """Measure the objects in a block.

    Parameters
    ----------
    labels
        The block, (Y, X) or (Z, Y, X); 0 is not an object.
    block
        Where it is.
    shape
        Of the volume.
    size
        Of a voxel along each axis.
    image
        Grey values of the block.

    Raises
    ------
    UserError
        When an id is negative.
    """
    check_ids(labels)
    runs = find_runs(labels)
    ends = find_ends(runs, block.start, size)
    sums = sum_runs(
        runs,
        block.start,
        surface=_surface(runs, block, shape, size),
        longest=longest_axes(ends, size),
        image=image,
    )
    return MeasuredPart(sums, ends, _planes(labels, block, shape))


def check_ids(labels: NDArray[Any]) -> None:
    """Check that ids are above 0.

    Raises
    ------
    UserError
        When one is negative.
    """
    if labels.dtype.kind == "i" and labels.min(initial=0) < 0:
        raise UserError(
            f"the labels hold {labels.min()}, but objects have numbers above 0; "
            "choose the label image, or convert it"
        )


def _surface(
    runs: ObjectRuns, block: Block, shape: Sequence[int], size: Sequence[float]
) -> NDArray[np.float64]:
    """Return the surface inside a block; the border of the volume closes it."""
    count = len(runs.ids)
    if count == 0:
        return np.zeros(0)
    ends = zip(block.start, block.stop, shape, strict=True)
    border = [(int(first == 0), int(last == length)) for first, last, length in ends]
    return surfaces(np.pad(runs.compact, border), count, cell_weights(size))[1:]


def _planes(
    labels: NDArray[Any], block: Block, shape: Sequence[int]
) -> dict[BlockFace, PackedPlane]:
    """Return the outermost voxels at each face that another block touches."""
    planes = {}
    for axis, (first, last, length) in enumerate(zip(block.start, block.stop, shape, strict=True)):
        if first > 0:
            planes[(axis, 0)] = pack_plane(labels.take([0], axis))
        if last < length:
            planes[(axis, 1)] = pack_plane(labels.take([-1], axis))
    return planes
