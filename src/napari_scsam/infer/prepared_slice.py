"""A slice as the network sees it: checked, normalised, and resampled to the model's pixel size."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from math import ceil, floor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from napari_scsam.config import UserError
from napari_scsam.infer.tile_encoder import TileGrid
from napari_scsam.infer.tiling import HALO, Tile, tile_grid
from napari_scsam.io.contrast import Contrast, normalise
from napari_scsam.io.lazy import checksum

MARGIN = 2
"""Pixels that a pixel takes something from when maps are enlarged or reduced."""


@dataclass(frozen=True)
class AugmentedView:
    """One view of a slice for test-time augmentation."""

    turned: bool = False
    """Whether the slice is turned by 180°."""
    zoom: float = 1.0

    def of(self, grey: NDArray[np.float32]) -> NDArray[np.float32]:
        """Transform Y×X grey values into this view."""
        height, width = grey.shape
        view: NDArray[np.float32] = resample(
            grey[None], zoomed((height, width), (self.zoom, self.zoom))
        )[0]
        if self.turned:
            view = np.ascontiguousarray(view[::-1, ::-1])
        return view

    def back(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn K×Y×X maps of this view back; their size is already that of the slice."""
        if self.turned:
            return maps[:, ::-1, ::-1]
        return maps

    def of_mask(self, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return a mask of the slice as this view sees it; its shape stays."""
        if mask is None or not self.turned:
            return mask
        return mask[::-1, ::-1]


UNCHANGED = AugmentedView()

VIEWS = (
    AugmentedView(turned=True),
    AugmentedView(zoom=0.85),
    AugmentedView(turned=True, zoom=1.18),
    UNCHANGED,
)
"""Their average is better than any one of them. Clicks need the last, so it stays in the cache."""


@dataclass(frozen=True, eq=False)
class Slice:
    """An image at the model's pixel size, and what was computed for it."""

    key: Hashable
    shape: tuple[int, int]
    """(Y, X) of the image as given."""
    grey: NDArray[np.float32]
    """Y×X in 0..1, resampled."""
    pixel_size: tuple[float, float] | None = None
    """(y, x) in nm of the image as given; None when unknown."""
    logits: dict[tuple[str, int], NDArray[np.float32]] = field(default_factory=dict)
    """Y×X logits of the image as given, by class name and number of views."""
    views: dict[AugmentedView, Slice] = field(default_factory=dict)
    """Views of the slice other than the unchanged one."""
    grids: dict[int, TileGrid] = field(default_factory=dict)
    """Tile grids by the largest side of a tile."""
    wanted: NDArray[np.bool_] | None = None
    """Y×X of the image as given: where logits are needed; everywhere when not given."""
    beside: tuple[Slice, ...] = ()
    """The image as each network beside the model sees it."""

    @property
    def model_shape(self) -> tuple[int, int]:
        """(Y, X) of the resampled slice."""
        return self.grey.shape[0], self.grey.shape[1]

    @property
    def zoom(self) -> tuple[float, float]:
        """Model pixels per image pixel, (y, x)."""
        return self.grey.shape[0] / self.shape[0], self.grey.shape[1] / self.shape[1]

    def augmented(self, view: AugmentedView) -> Slice:
        """Return the slice in a view, with embeddings of its own."""
        if view == UNCHANGED:
            return self
        if view not in self.views:
            grey = view.of(self.grey)
            self.views[view] = Slice(
                (self.key, view),
                self.shape,
                grey,
                self.pixel_size,
                wanted=view.of_mask(self.wanted),
            )
        return self.views[view]

    def only_where(self, wanted: NDArray[np.bool_]) -> Slice:
        """Return the slice without anything computed, and with logits needed at some pixels."""
        beside = tuple(each.only_where(wanted) for each in self.beside)
        return replace(self, logits={}, views={}, wanted=wanted, beside=beside)

    def needs(self, tile: Tile) -> bool:
        """Whether a pixel that is wanted takes anything from a tile."""
        if self.wanted is None:
            return True
        spans = zip((tile.y, tile.x), (tile.height, tile.width), self.zoom, strict=True)
        rows, columns = (
            slice(
                max(0, floor((first - MARGIN) / zoom) - MARGIN),
                ceil((first + side + MARGIN) / zoom) + MARGIN,
            )
            for first, side, zoom in spans
        )
        return bool(self.wanted[rows, columns].any())

    def drop_logits(self, name: str) -> None:
        """Remove the logits of a class."""
        for key in [key for key in self.logits if key[0] == name]:
            del self.logits[key]

    def grid(self, side: int) -> TileGrid:
        """Return the grid of tiles whose sides are at most `side` model pixels."""
        if side not in self.grids:
            self.grids[side] = TileGrid(self.grey, tile_grid(self.model_shape, side, HALO))
        return self.grids[side]


def check_slice(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the array if it is one grey-scale slice.

    Raises
    ------
    UserError
        When it is a colour image, has other than two axes, no pixels, or no numbers.
    """
    shape = pixels.shape
    if pixels.ndim == 3 and shape[-1] in (3, 4) and pixels.dtype == np.uint8:
        raise UserError(f"the image is colour (shape {shape}); convert it to grey first")
    if pixels.ndim != 2:
        raise UserError(
            f"the image has {pixels.ndim} axes (shape {shape}); give one slice with two"
        )
    if pixels.size == 0:
        raise UserError(f"the image is empty (shape {shape}); choose one with pixels")
    if pixels.dtype.kind not in "uif":
        raise UserError(f"the image has dtype {pixels.dtype}; give integers or floats")
    return pixels


def embedding_key(
    pixels: NDArray[Any], contrast: Contrast, zoom: tuple[float, float], name: Hashable | None
) -> Hashable:
    """Return a key that differs between slices that the network sees differently.

    Parameters
    ----------
    name
        Of the slice. A checksum of the pixels is enough then, as two slices of one name are only
        two states of it; a hash stands for the pixels when None.
    """
    if name is None:
        name = hashlib.blake2b(np.ascontiguousarray(pixels).tobytes()).hexdigest()
    else:
        name = (name, checksum(pixels))
    return (name, pixels.shape, pixels.dtype.str, contrast, zoom)


def given_name(key: Any) -> Hashable | None:
    """Return the name in a `embedding_key`; None when the slice was given none."""
    if isinstance(key, tuple) and isinstance(key[0], tuple):
        name: Hashable = key[0][0]
        return name
    return None


def resampled_slice(
    key: Hashable,
    pixels: NDArray[Any],
    contrast: Contrast,
    zoom: tuple[float, float],
    pixel_size: tuple[float, float] | None,
) -> Slice:
    """Normalise and resample a checked slice (Y, X); `zoom` is in model pixels per image pixel."""
    shape = (pixels.shape[0], pixels.shape[1])
    grey = resample(normalise(pixels, contrast)[None], zoomed(shape, zoom))[0]
    return Slice(key, shape, grey, pixel_size)


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
