"""The surfaces between blocks, from the outermost voxels of each block.

A block is read once. What lies between it and its neighbours is measured from its faces. These are
kept in a temporary file until all blocks are done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_scsam.volume.blocks import Block, BlockPlan
from napari_scsam.volume.measure.spool import Spool, compress
from napari_scsam.volume.measure.surface import surfaces

BlockFace: TypeAlias = tuple[int, int]
"""A face of a block: the axis it is normal to, and 0 for the low or 1 for the high one."""

Position: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class PackedPlane:
    """One layer of voxels, compressed."""

    data: bytes
    shape: tuple[int, ...]
    """Of a block; the axis that the layer is normal to has length 1."""
    dtype: str


def pack_plane(plane: NDArray[Any]) -> PackedPlane:
    """Compress a layer of voxels."""
    data = compress(np.ascontiguousarray(plane).tobytes())
    return PackedPlane(data, plane.shape, plane.dtype.str)


class PlaneFile:
    """The faces of all blocks, in a temporary file."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._kept: dict[
            tuple[Position, BlockFace], tuple[tuple[int, int], tuple[int, ...], str]
        ] = {}

    def add(self, position: Position, planes: Mapping[BlockFace, PackedPlane]) -> None:
        """Keep the faces of the block at a position."""
        for side, plane in planes.items():
            self._kept[position, side] = (self._spool.add(plane.data), plane.shape, plane.dtype)

    def read(self, position: Position, side: BlockFace) -> NDArray[Any]:
        """Return a face of a block."""
        place, shape, dtype = self._kept[position, side]
        values: NDArray[Any] = np.frombuffer(self._spool.read(place), dtype)
        return values.reshape(shape)


def seam_surfaces(
    plan: BlockPlan, block: Block, planes: PlaneFile, weights: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.float64]]]:
    """Yield ids and surfaces in the cells between a block and the next one along each axis.

    A cell between four or eight blocks is counted with the first axis along which it is between.
    """
    for axis in range(len(plan.shape)):
        if block.stop[axis] < plan.shape[axis]:
            yield _surfaces_by_id(_seam(plan, block.position, planes, axis), weights)


def _surfaces_by_id(
    labels: NDArray[Any], weights: NDArray[np.float64]
) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """Return the ids in an array, and their surfaces."""
    ids, places = np.unique(labels, return_inverse=True)
    if not len(ids) or ids[0] != 0:
        ids = np.concatenate([np.zeros(1, ids.dtype), ids])
        places = places + 1
    areas = surfaces(places.reshape(labels.shape), len(ids) - 1, weights)
    return ids[1:].astype(np.uint64), areas[1:]


def _seam(plan: BlockPlan, position: Position, planes: PlaneFile, axis: int) -> NDArray[Any]:
    """Return the two layers on both sides of a seam, with the border of the volume as zeros.

    They go on by one voxel into the next blocks along later axes, whose cells there cross this
    seam, too.
    """
    later = tuple(range(axis + 1, len(position)))
    layers = [
        _layer(plan, position, planes, (axis, 1), later),
        _layer(plan, _next(position, axis), planes, (axis, 0), later),
    ]
    border = [
        (int(place == 0), int(place == count - 1))
        for place, count in zip(position, plan.counts, strict=True)
    ]
    border[axis] = (0, 0)
    return np.pad(np.concatenate(layers, axis), border)


def _layer(
    plan: BlockPlan, position: Position, planes: PlaneFile, side: BlockFace, later: Sequence[int]
) -> NDArray[Any]:
    """Return a face of a block with the first voxels of the next blocks along later axes."""
    if not later:
        return planes.read(position, side)
    axis, rest = later[0], later[1:]
    here = _layer(plan, position, planes, side, rest)
    beside = _next(position, axis)
    if plan.at(beside) is None:
        return here
    there = _layer(plan, beside, planes, side, rest)
    return np.concatenate([here, there.take([0], axis)], axis)


def _next(position: Position, axis: int) -> Position:
    return tuple(place + (number == axis) for number, place in enumerate(position))
