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
from napari_scsam.infer.tile_encoder import Grid
from napari_scsam.infer.tiling import tile_grid

HALO = 32
"""Pixels along a tile's border that its neighbour answers better."""

ZOOM_LIMITS = (0.125, 4.0)
"""Resampling to the checkpoint's pixel size stops here; beyond it there is nothing to see."""


@dataclass(frozen=True)
class View:
    """A way of looking at a slice."""

    turned: bool = False
    """By half a turn."""
    zoom: float = 1.0

    def of(self, grey: NDArray[np.float32]) -> NDArray[np.float32]:
        """Show Y×X in this view."""
        height, width = grey.shape
        seen = resample(grey[None], zoomed((height, width), (self.zoom, self.zoom)))[0]
        return np.ascontiguousarray(seen[::-1, ::-1]) if self.turned else seen

    def back(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn K×Y×X that were found in this view as the slice lies."""
        return maps[:, ::-1, ::-1] if self.turned else maps


AS_IT_IS = View()

VIEWS = (View(turned=True), View(zoom=0.85), View(turned=True, zoom=1.18), AS_IT_IS)
"""Views whose average is better than any of them; the last is remembered longest, and clicks need it."""


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
    logits: dict[tuple[str, int], NDArray[np.float32]] = field(default_factory=dict)
    """Classes asked for so far, by name and number of views: Y×X of the image as given."""
    views: dict[View, Slice] = field(default_factory=dict)
    """Others than the slice as it is."""
    grids: dict[int, Grid] = field(default_factory=dict)
    """By the largest side of a tile."""

    @property
    def zoom(self) -> tuple[float, float]:
        """Model pixels to one image pixel, (y, x)."""
        return self.grey.shape[0] / self.shape[0], self.grey.shape[1] / self.shape[1]

    def seen(self, view: View) -> Slice:
        """Return the slice in another view, which has embeddings of its own."""
        if view == AS_IT_IS:
            return self
        if view not in self.views:
            self.views[view] = Slice((self.key, view), self.shape, view.of(self.grey), self.pixel)
        return self.views[view]

    def forget(self, name: str) -> None:
        """Forget what was found of a class."""
        for key in [key for key in self.logits if key[0] == name]:
            del self.logits[key]

    def grid(self, side: int) -> Grid:
        """Cut it into tiles with sides of at most so many model pixels."""
        return self.grids.setdefault(
            side, Grid(self.grey, tile_grid((self.grey.shape[0], self.grey.shape[1]), side, HALO))
        )


def check_slice(pixels: NDArray[Any]) -> NDArray[Any]:
    """Let one grey slice of numbers pass."""
    if pixels.ndim == 3 and pixels.shape[-1] in (3, 4) and pixels.dtype == np.uint8:
        raise UserError(
            f"the image is colour (shape {pixels.shape}); convert it to grey first, EM has one channel"
        )
    if pixels.ndim != 2:
        raise UserError(
            f"the image has {pixels.ndim} axes (shape {pixels.shape}); give one slice with two"
        )
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
    resized = F.interpolate(
        torch.from_numpy(np.ascontiguousarray(maps))[None],
        shape,
        mode="bilinear",
        antialias=True,
        align_corners=False,
    )
    return resized[0].numpy()
