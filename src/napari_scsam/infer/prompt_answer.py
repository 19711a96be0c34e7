"""Answers to clicks and boxes: masks of the slice, stored for the window of one tile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.config import UserError
from napari_scsam.infer.tiling import Tile

OUTSIDE_LOGIT = -10.0
"""Logit of pixels outside the tile."""

MASK_STRIDE = 4
"""Stride of the logits that SAM takes as an earlier answer."""

S = TypeVar("S", bound=np.generic)


@dataclass(frozen=True, eq=False)
class PromptAnswer:
    """Answer to N prompts on a slice of Y×X."""

    shape: tuple[int, int]
    """(Y, X)"""
    part: tuple[slice, slice]
    """The pixels of the slice that the tile covers."""
    window: NDArray[np.float32]
    """N×y×x logits of that part; above 0 is inside."""
    quality: NDArray[np.float32]
    """N predicted IoUs."""
    tile: Tile
    """In model pixels."""
    tile_logits: Tensor
    """N×1×4h×4w, the size of SAM's mask prompts."""

    @property
    def inside(self) -> NDArray[np.bool_]:
        """N×y×x of that part, true inside."""
        return self.window > 0

    @cached_property
    def masks(self) -> NDArray[np.bool_]:
        """N×Y×X, true inside."""
        return self._on_slice(self.inside, fill=False)

    @cached_property
    def logits(self) -> NDArray[np.float32]:
        """N×Y×X, above 0 inside."""
        return self._on_slice(self.window, OUTSIDE_LOGIT)

    def holds(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether points are in the mask of their object.

        Parameters
        ----------
        points
            P×2 or N×P×2 as (x, y), in pixels of the slice.

        Returns
        -------
        inside
            N×P.
        """
        points = np.broadcast_to(points, (len(self.window), *points.shape[-2:]))
        columns, rows = (
            np.rint(points[..., a]).astype(int) - self.part[1 - a].start for a in (0, 1)
        )
        height, width = self.window.shape[1:]
        covered = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        values = self.window[
            np.arange(len(points))[:, None], rows.clip(0, height - 1), columns.clip(0, width - 1)
        ]
        held: NDArray[np.bool_] = covered & (values > 0)
        return held

    def _on_slice(self, values: NDArray[S], fill: float) -> NDArray[S]:
        canvas = np.full((len(values), *self.shape), fill, values.dtype)
        canvas[(slice(None), *self.part)] = values
        return canvas


def prompt_answer(
    logits: Tensor, quality: Tensor, tile: Tile, shape: tuple[int, int], zoom: tuple[float, float]
) -> PromptAnswer:
    """Resample the answer of a tile to the slice; only the part under the tile is computed.

    Parameters
    ----------
    logits
        N×H'×W' of the tile, of any resolution.
    quality
        N predicted IoUs.
    shape
        (Y, X) of the slice.
    zoom
        Model pixels per image pixel, (y, x).
    """
    maps = logits.float().cpu()[:, None]
    part = (
        covered_pixels(tile.y, tile.height, zoom[0], shape[0]),
        covered_pixels(tile.x, tile.width, zoom[1], shape[1]),
    )
    centres = [(torch.arange(p.start, p.stop) + 0.5) * z for p, z in zip(part, zoom, strict=True)]
    window = sample_tile(maps, tile, centres[0], centres[1], "border")[:, 0].numpy()
    small = F.interpolate(
        maps, (tile.height // MASK_STRIDE, tile.width // MASK_STRIDE), mode="area"
    )
    return PromptAnswer(shape, part, window, quality.float().cpu().numpy(), tile, small)


def mask_prompt(earlier: PromptAnswer, tile: Tile, shape: tuple[int, int], count: int) -> Tensor:
    """Resample an earlier answer to a tile, N×1×4h×4w.

    Outside the earlier tile it is 0, which is neutral.

    Raises
    ------
    UserError
        When it is about another slice or other objects.
    """
    if earlier.shape != shape or len(earlier.quality) != count:
        raise UserError(
            f"the earlier answer has {len(earlier.quality)} masks of {earlier.shape}, "
            f"but {count} prompts are given on a slice of {shape}; "
            f"give the answer about the same objects on this slice"
        )
    if earlier.tile == tile:
        return earlier.tile_logits
    centres = [
        torch.arange(n // MASK_STRIDE) * MASK_STRIDE + MASK_STRIDE / 2
        for n in (tile.height, tile.width)
    ]
    return sample_tile(
        earlier.tile_logits, earlier.tile, centres[0] + tile.y, centres[1] + tile.x, "zeros"
    )


def covered_pixels(start: int, size: int, zoom: float, limit: int) -> slice:
    """Return the pixels of the slice whose centres are in a tile, along one axis."""
    return slice(math.ceil(start / zoom - 0.5), min(limit, math.ceil((start + size) / zoom - 0.5)))


def sample_tile(maps: Tensor, tile: Tile, rows: Tensor, columns: Tensor, outside: str) -> Tensor:
    """Sample N×1×h×w maps of a tile, bilinear.

    Parameters
    ----------
    rows, columns
        Sampled where these cross, in model pixels; 0.5 is the centre of the first.
    outside
        Padding mode of `torch.nn.functional.grid_sample`.
    """
    y = 2 * (rows - tile.y) / tile.height - 1
    x = 2 * (columns - tile.x) / tile.width - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)[None].expand(
        len(maps), -1, -1, -1
    )
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode=outside, align_corners=False)
