"""Cut a slice into overlapping tiles, and blend their results without seams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import parse_voxel_size

MULTIPLE = 16
"""Sides of tiles are multiples of this: SAM's stride."""

HALO = 32
"""Pixels along the border of a tile where its neighbour is more reliable."""

EMPTY_LOGIT = -20.0
"""Of every class in a tile of one grey value, which shows nothing."""

ZOOM_LIMITS = (0.125, 4.0)
"""Range of the zoom to the checkpoint's pixel size; outside it nothing can be recognised."""


@dataclass(frozen=True)
class Tile:
    """A rectangle of a slice, in pixels; it may extend beyond the right and bottom border."""

    y: int
    x: int
    height: int
    width: int

    def inside(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        """Return the part of the slice that it covers."""
        rows = slice(self.y, min(self.y + self.height, shape[0]))
        columns = slice(self.x, min(self.x + self.width, shape[1]))
        return rows, columns

    def contains(self, y: float, x: float) -> bool:
        """Whether a point is in it."""
        return self.y <= y < self.y + self.height and self.x <= x < self.x + self.width


def starts(size: int, tile: int, halo: int) -> list[int]:
    """Return where tiles start along one axis.

    They are evenly spaced, and neighbours share at least two halos.
    """
    if size <= tile:
        return [0]
    count = math.ceil((size - 2 * halo) / (tile - 2 * halo))
    return [round(i * (size - tile) / (count - 1)) for i in range(count)]


def side_of(size: int, tile: int, halo: int) -> int:
    """Shrink the side of a tile, in multiples of 16, without adding tiles along that axis."""
    if size <= tile:
        return math.ceil(size / MULTIPLE) * MULTIPLE
    count = math.ceil((size - 2 * halo) / (tile - 2 * halo))
    return min(tile, math.ceil(((size - 2 * halo) / count + 2 * halo) / MULTIPLE) * MULTIPLE)


def tile_grid(shape: tuple[int, int], tile: int, halo: int) -> list[Tile]:
    """Cover a slice with tiles.

    Parameters
    ----------
    shape
        (Y, X) of the slice.
    tile
        Largest side of a tile, a multiple of 16. Tiles are as small as their
        number allows, because pixels of two tiles are computed twice.
    halo
        Pixels along the border of a tile where its neighbour is more reliable.
    """
    height, width = (side_of(n, tile, halo) for n in shape)
    return [
        Tile(y, x, height, width)
        for y in starts(shape[0], height, halo)
        for x in starts(shape[1], width, halo)
    ]


def cut_tile(image: NDArray[np.float32], tile: Tile) -> NDArray[np.float32]:
    """Return a tile of a slice, mirrored where it extends beyond the border."""
    part = image[tile.inside((image.shape[0], image.shape[1]))]
    missing = [(0, tile.height - part.shape[0]), (0, tile.width - part.shape[1])]
    if not np.any(missing):
        return part
    return np.pad(part, missing, mode="symmetric")


def ramp(tile: Tile, shape: tuple[int, int], halo: int) -> NDArray[np.float32]:
    """Return the weight of each pixel of a tile: 1 inside, falling towards shared borders."""
    rows = _ramp(tile.height, tile.y > 0, tile.y + tile.height < shape[0], halo)
    columns = _ramp(tile.width, tile.x > 0, tile.x + tile.width < shape[1], halo)
    return rows[:, None] * columns[None, :]


def _ramp(size: int, falls_before: bool, falls_after: bool, halo: int) -> NDArray[np.float32]:
    weights = np.ones(size, np.float32)
    slope = ((np.arange(2 * halo) + 0.5) / (2 * halo)).astype(np.float32)[:size]
    if falls_before:
        weights[: len(slope)] = slope
    if falls_after:
        weights[-len(slope) :] = np.minimum(weights[-len(slope) :], slope[::-1])
    return weights


class Blend:
    """Blends the results of tiles into K maps of a slice.

    Parameters
    ----------
    count
        K, number of maps.
    shape
        (Y, X) of the slice.
    halo
        As given to `tile_grid`.
    """

    def __init__(self, count: int, shape: tuple[int, int], halo: int) -> None:
        self.shape = shape
        self.halo = halo
        self.total = np.zeros((count, *shape), np.float32)
        self.weight = np.zeros(shape, np.float32)

    def add(self, tile: Tile, maps: NDArray[np.float32]) -> None:
        """Add the K×height×width maps of a tile."""
        part = tile.inside(self.shape)
        height, width = (s.stop - s.start for s in part)
        weight = ramp(tile, self.shape, self.halo)[:height, :width]
        self.total[(slice(None), *part)] += maps[:, :height, :width] * weight
        self.weight[part] += weight

    def result(self) -> NDArray[np.float32]:
        """Return the blended maps, K×Y×X; after this nothing can be added."""
        self.total /= self.weight
        return self.total


def pixel_size_of(voxel_size: Sequence[float] | float | None) -> tuple[float, float] | None:
    """Return the (y, x) part of a voxel size, in nm."""
    size = parse_voxel_size(voxel_size)
    if size is None:
        return None
    return size[1], size[2]


def zoom_to(
    target: float | None, voxel_size: Sequence[float] | float | None
) -> tuple[float, float]:
    """Return the zoom (y, x) that brings a voxel size to a pixel size, both in nm.

    It is 1 when either is unknown.
    """
    pixel_size = pixel_size_of(voxel_size)
    if pixel_size is None or target is None:
        return 1.0, 1.0
    y, x = (float(np.clip(side / target, *ZOOM_LIMITS)) for side in pixel_size)
    return y, x


def not_enlarged(zoom: tuple[float, float]) -> tuple[float, float]:
    """Return a zoom (y, x) of the same proportions that keeps the finer axis as it is.

    A zoom that makes an axis smaller stays.
    """
    y, x = zoom
    factor = max(1.0, min(zoom))
    return y / factor, x / factor
