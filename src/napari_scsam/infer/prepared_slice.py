"""A slice as the network sees it: checked, normalised, at the model's pixel size, and cut into tiles."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from napari_scsam.config import UserError
from napari_scsam.data.tiling import tile_grid
from napari_scsam.infer.tile_encoder import Grid

HALO = 32
"""Pixels along a tile's border that its neighbour answers better."""

ZOOM_LIMITS = (0.125, 4.0)
"""Resampling to the checkpoint's pixel size stops here; beyond it there is nothing to see."""


@dataclass(frozen=True, eq=False)
class Slice:
    """An image, at the model's pixel size."""

    key: Hashable
    shape: tuple[int, int]
    """(Y, X) of the image as given."""
    grey: NDArray[np.float32]
    """In 0..1, resampled."""
    pixel: tuple[float, float] | None = None
    """(y, x) of a pixel of the image as given, in nm; None when nobody has said it."""
    logits: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """Classes asked for so far, by name: Y×X of the image as given."""
    grids: dict[int, Grid] = field(default_factory=dict)
    """By the largest side of a tile."""

    @property
    def zoom(self) -> tuple[float, float]:
        """Model pixels to one image pixel, (y, x)."""
        return self.grey.shape[0] / self.shape[0], self.grey.shape[1] / self.shape[1]

    def grid(self, side: int) -> Grid:
        """Cut it into tiles with sides of at most so many model pixels."""
        return self.grids.setdefault(side, Grid(self.grey, tile_grid((self.grey.shape[0], self.grey.shape[1]), side, HALO)))


def check_slice(pixels: NDArray[Any]) -> NDArray[Any]:
    """Let one grey slice of numbers pass."""
    if pixels.ndim == 3 and pixels.shape[-1] in (3, 4) and pixels.dtype == np.uint8:
        raise UserError(f"the image is colour (shape {pixels.shape}); convert it to grey first, EM has one channel")
    if pixels.ndim != 2:
        raise UserError(f"the image has {pixels.ndim} axes (shape {pixels.shape}); give one slice with two")
    if pixels.size == 0:
        raise UserError(f"the image is empty (shape {pixels.shape}); choose one with pixels")
    if pixels.dtype.kind not in "uif":
        raise UserError(f"the image has dtype {pixels.dtype}; give integers or floats")
    return pixels


def zoomed(shape: tuple[int, int], zoom: tuple[float, float]) -> tuple[int, int]:
    """Scale a shape (Y, X), to at least one pixel."""
    return max(1, round(shape[0] * zoom[0])), max(1, round(shape[1] * zoom[1]))


def resample(maps: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resize K×Y×X to a shape (Y, X), bilinear, antialiased when it shrinks."""
    if shape == maps.shape[1:]:
        return maps
    resized = F.interpolate(torch.from_numpy(np.ascontiguousarray(maps))[None], shape, mode="bilinear", antialias=True, align_corners=False)
    return resized[0].numpy()
