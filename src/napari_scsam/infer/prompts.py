"""Clicks and boxes in image pixels, brought to a tile of the model."""

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
"""Label of a point that SAM is to ignore."""


class Prompts(NamedTuple):
    """Prompts in model pixels of the whole slice."""

    points: Tensor | None
    """N×P×2 as (x, y)"""
    labels: Tensor | None
    """N×P"""
    boxes: Tensor | None
    """N×4"""

    @property
    def objects(self) -> int:
        """N, the number of objects asked for."""
        return next(len(p) for p in (self.points, self.boxes) if p is not None)

    def corners(self) -> Tensor:
        """Every point and box corner, M×2 as (x, y)."""
        parts = [p.reshape(-1, 2) for p in (self.points, self.boxes) if p is not None]
        return torch.cat(parts)

    def corrections(self, held: NDArray[np.bool_]) -> Prompts:
        """Leave the points that contradict an answer, and ignore those that say what it says: they would make it grow.

        Parameters
        ----------
        held
            N×P, whether the answer holds each point.
        """
        if self.labels is None:
            return self
        agrees = torch.from_numpy(held) == (self.labels > 0)
        return self._replace(labels=self.labels.masked_fill(agrees, NO_POINT))

    def fit(self, tile: Tile) -> bool:
        """Whether all of them lie in the tile."""
        return all(tile.contains(y, x) for x, y in self.corners().tolist())

    def inside(
        self, tile: Tile, device: torch.device
    ) -> tuple[tuple[Tensor, Tensor] | None, Tensor | None]:
        """Return the same in pixels of the tile."""
        offset = torch.tensor([tile.x, tile.y], dtype=torch.float32)
        clicks = (
            None
            if self.points is None or self.labels is None
            else ((self.points - offset).to(device), self.labels.to(device))
        )
        boxes = None if self.boxes is None else (self.boxes - offset.repeat(2)).to(device)
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
        When there is none, or shapes do not fit.
    """
    if points is None and boxes is None:
        raise UserError("no prompt given; give points, boxes or both")
    scale = torch.tensor([zoom[1], zoom[0]], dtype=torch.float32)
    clicks, marks = (None, None) if points is None else point_tensors(points, labels, scale)
    corners = None if boxes is None else box_tensor(boxes, scale)
    if clicks is not None and corners is not None and len(clicks) != len(corners):
        raise UserError(
            f"{len(clicks)} sets of points and {len(corners)} boxes; give as many of each"
        )
    return Prompts(clicks, marks, corners)


def point_tensors(
    points: ArrayLike, labels: ArrayLike | None, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Check points and labels; scale the points, whose coordinates are middles of pixels."""
    clicks = torch.as_tensor(np.asarray(points, np.float32))
    clicks = clicks[None] if clicks.ndim == 2 else clicks
    if clicks.ndim != 3 or clicks.shape[2] != 2 or not clicks.numel():
        raise UserError(f"points have shape {np.shape(points)}; give P×2 or N×P×2, each (x, y)")
    marks = (
        torch.ones(clicks.shape[:2])
        if labels is None
        else torch.as_tensor(np.asarray(labels, np.float32))
    )
    if marks.numel() != clicks.shape[:2].numel():
        raise UserError(
            f"{marks.numel()} labels do not fit {clicks.shape[:2].numel()} points; give one label a point"
        )
    return (clicks + 0.5) * scale - 0.5, marks.reshape(clicks.shape[:2])


def box_tensor(boxes: ArrayLike, scale: Tensor) -> Tensor:
    """Check boxes and scale them; their coordinates are edges of pixels."""
    corners = torch.as_tensor(np.asarray(boxes, np.float32))
    if corners.shape[-1:] != (4,) or corners.ndim > 2 or not corners.numel():
        raise UserError(f"boxes have shape {np.shape(boxes)}; give 4 or N×4, as (x0, y0, x1, y1)")
    return corners.reshape(-1, 4) * scale.repeat(2)


def tile_for(prompts: Prompts, tiles: Sequence[Tile], shape: tuple[int, int]) -> Tile:
    """Choose the tile that holds all prompts most centrally; make one when none does.

    What lies outside the slice counts as lying at its border.
    """
    places = prompts.corners().clamp(min=0).minimum(torch.tensor([shape[1] - 1, shape[0] - 1]))
    low = places.min(0).values
    high = places.max(0).values
    x, y = ((low + high) / 2).tolist()
    holding = [
        t for t in tiles if t.contains(*low.flip(0).tolist()) and t.contains(*high.flip(0).tolist())
    ]
    if holding:
        return min(
            holding,
            key=lambda t: max(
                abs(t.y + t.height / 2 - y) / t.height, abs(t.x + t.width / 2 - x) / t.width
            ),
        )
    width, height = ((high - low) * 1.5).tolist()
    height = _side(height, tiles[0].height, shape[0])
    width = _side(width, tiles[0].width, shape[1])
    return Tile(_start(y, height, shape[0]), _start(x, width, shape[1]), height, width)


def _side(wanted: float, least: int, limit: int) -> int:
    """Round up to whole cells, from a usual tile to the whole slice."""
    return max(least, math.ceil(min(wanted, limit) / MULTIPLE) * MULTIPLE)


def _start(centre: float, size: int, limit: int) -> int:
    return max(0, min(round(centre - size / 2), limit - size))
