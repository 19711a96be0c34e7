"""Geometry of the synthetic cell: smooth noise, the mosaic of cells, and tubes.

All lengths are nanometres. A field is a float32 array (Z, Y, X) over a `Grid`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_scsam.config import VoxelSize

Field = NDArray[np.float32]
Coordinates = NDArray[np.floating]
PhantomBox = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Grid:
    """The positions of a volume's voxels."""

    shape: tuple[int, int, int]
    voxel_size: VoxelSize

    @property
    def extent(self) -> NDArray[np.float64]:
        """Size along z, y, x in nm."""
        return np.multiply(self.shape, self.voxel_size)

    def axis(self, index: int, part: slice = slice(None)) -> Field:
        """Return the positions of the voxels along one axis, in nm."""
        indices = np.arange(self.shape[index], dtype=np.float32)[part]
        return (indices * np.float32(self.voxel_size[index])).astype(np.float32)

    def box(self, points: Coordinates, margin: float) -> PhantomBox:
        """Return the voxels around some points (N, 3); empty slices when all are outside."""
        low = np.floor((points.min(0) - margin) / self.voxel_size).astype(int)
        high = np.ceil((points.max(0) + margin) / self.voxel_size).astype(int) + 1
        low = np.clip(low, 0, self.shape)
        high = np.clip(high, 0, self.shape)
        return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])

    def index(self, points: Coordinates) -> tuple[NDArray[np.intp], ...]:
        """Return the voxel nearest to each point (..., 3), within the volume."""
        nearest = np.rint(points / self.voxel_size).astype(np.intp)
        return tuple(np.clip(nearest[..., a], 0, self.shape[a] - 1) for a in range(3))


def smooth_noise(rng: np.random.Generator, grid: Grid, length: float) -> Field:
    """Draw a Gaussian random field of unit variance whose details are `length` nm wide.

    Random numbers on a coarse lattice are interpolated by Gaussians, one axis after the other. That
    costs a hundredth of filtering noise on the full grid.
    """
    axes = [grid.axis(a) for a in range(3)]
    knots = [np.arange(-3 * length, x[-1] + 3 * length, length, dtype=np.float32) for x in axes]
    field = rng.standard_normal([len(k) for k in knots], dtype=np.float32)
    for axis, (x, k) in reversed(list(enumerate(zip(axes, knots, strict=True)))):
        weights = np.exp(-0.5 * ((x[:, None] - k) / np.float32(length)) ** 2)
        weights /= np.linalg.norm(weights, axis=1, keepdims=True)
        field = np.moveaxis(np.tensordot(weights, field, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(field, dtype=np.float32)


@dataclass(frozen=True)
class Mosaic:
    """The cells that fill the volume without gaps."""

    owner: NDArray[np.uint8]
    """Which cell each voxel belongs to; 0 is the one with the nucleus."""
    neighbour: NDArray[np.uint8]
    """The cell on the other side of the nearest border."""
    border: Field
    """Distance to that border."""
    nucleus: Field
    """Signed distance to the nuclear envelope, negative inside."""


def make_mosaic(rng: np.random.Generator, grid: Grid, spacing: float) -> Mosaic:
    """Divide the volume into one big cell with a nucleus and many neighbours about `spacing` nm wide.

    The borders are those of a power diagram, in which a weight widens a cell. Smooth noise has bent
    its coordinates. Depth is compressed, so that cells run through many slices as nerve fibres do.
    """
    radius = 0.21 * float(grid.extent[1:].min())
    seeds, weights = _seeds(rng, grid, spacing, radius)
    depth = grid.axis(0)[:, None, None] * np.float32(_DEPTH)
    y = grid.axis(1)[:, None] + _bend(rng, grid, spacing)
    x = grid.axis(2) + _bend(rng, grid, spacing)
    dtypes = (np.uint8, np.uint8, np.float32, np.float32)
    mosaic = Mosaic(*(np.empty(grid.shape, dtype) for dtype in dtypes))
    for rows in range(0, grid.shape[1], _TILE):
        for columns in range(0, grid.shape[2], _TILE):
            tile = np.s_[:, rows : rows + _TILE, columns : columns + _TILE]
            _fill_tile(mosaic, tile, (depth, y[tile], x[tile]), seeds, weights)
    mosaic.nucleus[:] = _distance(seeds[0], depth, y, x) - np.float32(radius)
    return mosaic


def _distance(seed: Field, depth: Field, y: Field, x: Field) -> Field:
    squares = (depth - seed[0]) ** 2 + (y - seed[1]) ** 2 + (x - seed[2]) ** 2
    distance: Field = np.sqrt(squares)
    return distance


_DEPTH = 0.45
_TILE = 64


def _bend(rng: np.random.Generator, grid: Grid, spacing: float) -> Field:
    """Draw a displacement in nm, wide and narrow waves together."""
    wide = np.float32(0.3 * spacing) * smooth_noise(rng, grid, 1.1 * spacing)
    narrow = np.float32(0.075 * spacing) * smooth_noise(rng, grid, 0.3 * spacing)
    return wide + narrow


def _seeds(
    rng: np.random.Generator, grid: Grid, spacing: float, radius: float
) -> tuple[Field, Field]:
    """Return random cell centres (N, 3), the first in the nucleus, and a weight in nm² for each."""
    size = grid.extent * (_DEPTH, 1, 1)
    seeds = [size * (0.5, *rng.uniform(0.3, 0.36, 2))]
    for _ in range(4000):
        seed = rng.uniform((0, -spacing, -spacing), size + (0, spacing, spacing))
        gaps = np.linalg.norm(np.array(seeds) - seed, axis=1)
        if len(seeds) < 250 and gaps[0] > 2.2 * radius and np.all(gaps[1:] > 0.75 * spacing):
            seeds.append(seed)
    weights = rng.uniform(-0.15, 0.25, len(seeds)) * spacing**2
    weights[0] = (1.35 * radius) ** 2
    return np.array(seeds, np.float32), weights.astype(np.float32)


def _fill_tile(
    mosaic: Mosaic,
    tile: PhantomBox,
    where: tuple[Field, Field, Field],
    seeds: Field,
    weights: Field,
) -> None:
    """Compute owner, neighbour and border for a part of the volume, from the seeds near it."""
    low, high = (np.array([bound(axis) for axis in where]) for bound in (np.min, np.max))
    nearest = np.sum((np.clip(seeds, low, high) - seeds) ** 2, axis=1) - weights
    farthest = np.sum(np.maximum(np.abs(seeds - low), np.abs(seeds - high)) ** 2, axis=1) - weights
    near = np.flatnonzero(nearest <= np.sort(farthest)[min(1, len(seeds) - 1)])
    first, second = np.full((2, *where[1].shape), np.inf, np.float32)
    owner, neighbour = np.zeros((2, *first.shape), np.uint8)
    for i in near:
        power = sum((axis - s) ** 2 for axis, s in zip(where, seeds[i], strict=True)) - weights[i]
        ahead = power < first
        behind = power < second
        neighbour = np.where(ahead, owner, np.where(behind, np.uint8(i), neighbour))
        owner = np.where(ahead, np.uint8(i), owner)
        second = np.where(ahead, first, np.minimum(second, power))
        first = np.minimum(first, power)
    apart = np.linalg.norm(seeds[owner] - seeds[neighbour], axis=-1)
    mosaic.owner[tile] = owner
    mosaic.neighbour[tile] = neighbour
    mosaic.border[tile] = (second - first) / (2 * apart)


def clearance(grid: Grid, free: NDArray[np.bool_], stride: int = 4) -> Field:
    """Measure the distance to the nearest voxel that is not free.

    It is computed on every `stride`-th row and column.
    """
    sampling = np.multiply(grid.voxel_size, (1, stride, stride))
    return np.asarray(
        ndimage.distance_transform_edt(free[:, ::stride, ::stride], sampling=sampling), np.float32
    )


def tube(grid: Grid, box: PhantomBox, points: Coordinates) -> tuple[Field, Field]:
    """Measure the distance to a chain of points (N, 3) and the length along it, for each voxel of a box."""
    z, y, x = (grid.axis(a, part) for a, part in enumerate(box))
    squared = np.full((z.size, y.size, x.size), np.inf, np.float32)
    along = np.zeros_like(squared)
    start = 0.0
    for a, b in pairwise(points):
        step = (b - a).astype(np.float32)
        length2 = float(step @ step)
        dz = z[:, None, None] - np.float32(a[0])
        dy = y[:, None] - np.float32(a[1])
        dx = x - np.float32(a[2])
        t = np.clip((dz * step[0] + dy * step[1] + dx * step[2]) / np.float32(length2), 0, 1)
        d2 = (dz - t * step[0]) ** 2 + (dy - t * step[1]) ** 2 + (dx - t * step[2]) ** 2
        closer = d2 < squared
        squared = np.where(closer, d2, squared)
        along = np.where(closer, np.float32(start) + t * np.float32(length2**0.5), along)
        start += length2**0.5
    return np.sqrt(squared), along
