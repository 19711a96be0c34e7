"""Clicks and boxes in image pixels, scaled to a tile of the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_scsam.config import UserError
from napari_scsam.infer.tiling import MULTIPLE, Tile

NO_POINT = -1
"""Label of a point that SAM ignores."""


class Prompts(NamedTuple):
    """Prompts in model pixels of the whole slice."""

    points: Tensor | None
    """N×P×2 as (x, y)."""
    labels: Tensor | None
    """N×P."""
    boxes: Tensor | None
    """N×4."""

    @property
    def objects(self) -> int:
        """N, the number of objects."""
        return next(len(p) for p in (self.points, self.boxes) if p is not None)

    def corners(self) -> Tensor:
        """Return every point and box corner, M×2 as (x, y)."""
        parts = [p.reshape(-1, 2) for p in (self.points, self.boxes) if p is not None]
        return torch.cat(parts)

    def corrections(self, held: NDArray[np.bool_]) -> Prompts:
        """Ignore the points that agree with an answer, which would make it grow.

        Parameters
        ----------
        held
            N×P, whether the answer contains each point.
        """
        if self.labels is None:
            return self
        agrees = torch.from_numpy(held) == (self.labels > 0)
        return self._replace(labels=self.labels.masked_fill(agrees, NO_POINT))

    def fit(self, tile: Tile) -> bool:
        """Whether all of them are in the tile."""
        return all(tile.contains(y, x) for x, y in self.corners().tolist())

    def inside(
        self, tile: Tile, device: torch.device
    ) -> tuple[tuple[Tensor, Tensor] | None, Tensor | None]:
        """Return points with labels, and boxes, in pixels of the tile."""
        offset = torch.tensor([tile.x, tile.y], dtype=torch.float32)
        clicks = None
        if self.points is not None and self.labels is not None:
            clicks = ((self.points - offset).to(device), self.labels.to(device))
        boxes = None
        if self.boxes is not None:
            boxes = (self.boxes - offset.repeat(2)).to(device)
        return clicks, boxes


def prompt_tensors(
    points: ArrayLike | None,
    labels: ArrayLike | None,
    boxes: ArrayLike | None,
    zoom: tuple[float, float],
) -> Prompts:
    """Check prompts given in image pixels and scale them to model pixels.

    Raises
    ------
    UserError
        When there is none, or shapes do not match.
    """
    if points is None and boxes is None:
        raise UserError("no prompt given; give points, boxes or both")
    if points is None and labels is not None:
        raise UserError("labels belong to points, and there are none; leave them out")
    scale = torch.tensor([zoom[1], zoom[0]], dtype=torch.float32)
    clicks = marks = corners = None
    if points is not None:
        clicks, marks = point_tensors(points, labels, scale)
    if boxes is not None:
        corners = box_tensor(boxes, scale)
    if clicks is not None and corners is not None and len(clicks) != len(corners):
        raise UserError(
            f"{len(clicks)} sets of points and {len(corners)} boxes; give as many of each"
        )
    return Prompts(clicks, marks, corners)


def point_tensors(
    points: ArrayLike, labels: ArrayLike | None, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Check points and labels; scale the points, whose coordinates are centres of pixels."""
    clicks = torch.as_tensor(np.asarray(points, np.float32))
    if clicks.ndim == 2:
        clicks = clicks[None]
    if clicks.ndim != 3 or clicks.shape[2] != 2 or not clicks.numel():
        raise UserError(f"points have shape {np.shape(points)}; give P×2 or N×P×2, each (x, y)")
    shape = clicks.shape[:2]
    marks = torch.ones(shape)
    if labels is not None:
        marks = torch.as_tensor(np.asarray(labels, np.float32))
    if marks.numel() != shape.numel():
        raise UserError(
            f"{marks.numel()} labels do not match {shape.numel()} points; give one label per point"
        )
    return (clicks + 0.5) * scale - 0.5, marks.reshape(shape)


def box_tensor(boxes: ArrayLike, scale: Tensor) -> Tensor:
    """Check boxes and scale them; their coordinates are edges of pixels."""
    corners = torch.as_tensor(np.asarray(boxes, np.float32))
    if corners.shape[-1:] != (4,) or corners.ndim > 2 or not corners.numel():
        raise UserError(f"boxes have shape {np.shape(boxes)}; give 4 or N×4, as (x0, y0, x1, y1)")
    return corners.reshape(-1, 4) * scale.repeat(2)


def tile_for(prompts: Prompts, tiles: Sequence[Tile], shape: tuple[int, int]) -> Tile:
    """Choose the tile that contains all prompts most centrally; make one when there is none.

    Prompts outside the slice count as being at its border.
    """
    places = prompts.corners().clamp(min=0).minimum(torch.tensor([shape[1] - 1, shape[0] - 1]))
    low = places.min(0).values
    high = places.max(0).values
    x, y = ((low + high) / 2).tolist()

    def off_centre(tile: Tile) -> float:
        dy: float = abs(tile.y + tile.height / 2 - y) / tile.height
        dx: float = abs(tile.x + tile.width / 2 - x) / tile.width
        return max(dy, dx)

    corners = (low.flip(0).tolist(), high.flip(0).tolist())
    containing = [t for t in tiles if all(t.contains(*corner) for corner in corners)]
    if containing:
        return min(containing, key=off_centre)
    return _tile_around((y, x), (high - low).flip(0).tolist(), tiles[0], shape)


def _tile_around(
    centre: tuple[float, float], extent: Sequence[float], least: Tile, shape: tuple[int, int]
) -> Tile:
    """Make a tile round prompts, half as large again as they are, and no smaller than another."""
    height = _tile_side(extent[0] * 1.5, least.height, shape[0])
    width = _tile_side(extent[1] * 1.5, least.width, shape[1])
    y = _tile_start(centre[0], height, shape[0])
    x = _tile_start(centre[1], width, shape[1])
    return Tile(y, x, height, width)


def _tile_side(extent: float, least: int, limit: int) -> int:
    """Return a side of whole cells, from a usual tile to the whole slice."""
    return max(least, math.ceil(min(extent, limit) / MULTIPLE) * MULTIPLE)


def _tile_start(centre: float, size: int, limit: int) -> int:
    return max(0, min(round(centre - size / 2), limit - size))
