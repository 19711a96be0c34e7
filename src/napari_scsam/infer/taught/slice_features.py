"""What a slice shows to a classifier that strokes teach: filters and the network's features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.infer.taught.lessons import Floats, SliceFeatures
from napari_scsam.infer.taught.scale_space import FINE_CELL, scale_space
from napari_scsam.infer.tiling import HALO, Tile, ramp

if TYPE_CHECKING:
    from napari_scsam.infer.slice_encoder import SliceEncoder

FUSED_STRIDE = 16
"""Model pixels to one cell of the fused features."""


@torch.inference_mode()
def slice_features(encoder: SliceEncoder) -> SliceFeatures:
    """Compute the features of the current slice: its scale space, and both maps of the network."""
    slice_ = encoder.slice
    tiles = encoder.tiles()
    embeddings = [encoder.embed(tile) for tile in tiles]
    fused = join_tiles(tiles, [e.fused for e in embeddings], slice_.model_shape, FUSED_STRIDE)
    detail = join_tiles(tiles, [e.detail for e in embeddings], slice_.model_shape, FINE_CELL)
    return SliceFeatures(np.concatenate([scale_space(slice_.grey), detail]), fused)


def join_tiles(
    tiles: Sequence[Tile], maps: Sequence[Tensor], shape: tuple[int, int], stride: int
) -> Floats:
    """Blend the maps of tiles on one grid of cells.

    Parameters
    ----------
    tiles
        In model pixels.
    maps
        1×C×h×w of each tile.
    shape
        (Y, X) of the slice in model pixels.
    stride
        Model pixels to one cell.

    Returns
    -------
    joined
        C×⌈Y/stride⌉×⌈X/stride⌉.
    """
    middles = [cell_centres(size, stride) for size in shape]
    total = torch.zeros(maps[0].shape[1], len(middles[0]), len(middles[1]))
    weight = torch.zeros(len(middles[0]), len(middles[1]))
    for tile, values in zip(tiles, maps, strict=True):
        rows = inside(middles[0], tile.y, tile.height)
        columns = inside(middles[1], tile.x, tile.width)
        y = middles[0][rows] - tile.y
        x = middles[1][columns] - tile.x
        shares = torch.from_numpy(ramp(tile, shape, HALO))[y.long()][:, x.long()]
        total[:, rows, columns] += read_at(values, tile, y, x) * shares
        weight[rows, columns] += shares
    joined: Floats = (total / weight).numpy()
    return joined


def cell_centres(size: int, stride: int) -> Tensor:
    """Return the middles of the cells along an axis, in model pixels."""
    count = -(-size // stride)
    return ((torch.arange(count) + 0.5) * stride).clamp(max=size - 1)


def inside(middles: Tensor, start: int, size: int) -> slice:
    """Return the cells whose middles are in a tile, along an axis."""
    within = torch.nonzero((middles >= start) & (middles < start + size))[:, 0]
    return slice(int(within[0]), int(within[-1]) + 1)


def read_at(maps: Tensor, tile: Tile, y: Tensor, x: Tensor) -> Tensor:
    """Read 1×C×h×w maps of a tile at rows y and columns x of it, bilinear: C×len(y)×len(x)."""
    grid = torch.meshgrid(2 * x / tile.width - 1, 2 * y / tile.height - 1, indexing="xy")
    values = maps.float().cpu()
    return F.grid_sample(
        values, torch.stack(grid, -1)[None], padding_mode="border", align_corners=False
    )[0]
