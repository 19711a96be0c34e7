"""A convolutional path that corrects SAM's answers to clicks, boxes and earlier answers.

SAM learned from a billion masks to find the object under a click by attention alone; a tiny model
cannot. A small U-Net reads maps of the prompts next to the fine features. They show it where to
look, and where the object ends. Disks of clicks are used by RITM (Sofiiuk et al. 2022) and others.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_scsam.model.mae import ConvBlock, halving_convolution

CLICK_RADIUS = 6.0
"""Spread of a click on its map, in input pixels."""

MAP_CELL = 4
"""Input pixels per cell of the maps, as of SAM's mask prompts."""

WIDTHS = (24, 32, 48, 64)
"""Channels at strides 4, 8, 16 and 32."""


def prompt_maps(
    grid: tuple[int, int],
    points: tuple[Tensor, Tensor] | None,
    boxes: Tensor | None,
    masks: Tensor | None,
    count: int,
    like: Tensor,
) -> Tensor:
    """Draw N prompts as maps of clicks inside, clicks outside, boxes and earlier answers.

    Parameters
    ----------
    grid
        Rows and columns of the maps, 4h×4w.
    points, boxes, masks
        As `ScSAM.prompt_logits` takes them.
    count
        N.
    like
        Gives device and dtype.

    Returns
    -------
    maps
        N×4×4h×4w, about -1..1; zero for what is not given.
    """
    maps = like.new_zeros((count, 4, *grid))
    y, x = (cell_coordinates(n, like.device) for n in grid)
    if points is not None:
        clicks = [click_map(y, x, *points, label) for label in (1, 0)]
        maps[:, :2] = torch.stack(clicks, 1).to(like.dtype)
    if boxes is not None:
        maps[:, 2] = box_map(y, x, boxes).to(like.dtype)
    if masks is not None:
        maps[:, 3] = torch.tanh(masks[:, 0] / 2).to(like.dtype)
    return maps


def cell_coordinates(count: int, device: torch.device) -> Tensor:
    """Return the coordinates of cells in input pixels, along one axis."""
    return torch.arange(count, device=device, dtype=torch.float32) * MAP_CELL + (MAP_CELL - 1) / 2


def box_map(y: Tensor, x: Tensor, boxes: Tensor) -> Tensor:
    """Return which cells are in N×4 boxes (x0, y0, x1, y1): N×rows×columns."""
    x0, y0, x1, y1 = (boxes[:, i, None, None] for i in range(4))
    return (y[:, None] >= y0) & (y[:, None] < y1) & (x >= x0) & (x < x1)


def click_map(y: Tensor, x: Tensor, coordinates: Tensor, labels: Tensor, label: int) -> Tensor:
    """Draw the clicks of one label as round spots: N×rows×columns in 0..1.

    Parameters
    ----------
    coordinates
        N×P×2 as (x, y).
    labels
        N×P.
    """
    dx = (x - coordinates[..., :1]).square()[:, :, None, :]
    dy = (y - coordinates[..., 1:]).square()[:, :, :, None]
    spots = torch.exp(-(dx + dy) / (2 * CLICK_RADIUS**2)) * (labels == label)[..., None, None]
    return spots.amax(1)


class ClickPath(nn.Module):
    """A small U-Net from stride 4 to 32 and back that corrects SAM's answer to each prompt.

    Its last layer is zero-initialised: untrained, the masks are SAM's.

    Parameters
    ----------
    features
        Channels of the detail features.
    """

    def __init__(self, features: int = 32) -> None:
        super().__init__()
        self.enter = nn.Sequential(
            nn.Conv2d(features + 5, WIDTHS[0], 3, padding=1), ConvBlock(WIDTHS[0])
        )
        pairs = list(pairwise(WIDTHS))
        self.down = nn.ModuleList(
            nn.Sequential(halving_convolution(a, b), ConvBlock(b)) for a, b in pairs
        )
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in reversed(pairs))
        self.refine = nn.ModuleList(ConvBlock(a) for a, _ in reversed(pairs))
        self.out = nn.Conv2d(WIDTHS[0], 1, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, logits: Tensor, maps: Tensor, features: Tensor) -> Tensor:
        """Correct N×1×4h×4w logits, given N×4×4h×4w prompt maps and N×C×4h×4w features."""
        x = self.enter(torch.cat([features, torch.tanh(logits / 4), maps], dim=1))
        skips = [x]
        for down in self.down:
            x = down(x)
            skips.append(x)
        for up, refine, skip in zip(self.up, self.refine, skips[-2::-1], strict=True):
            x = refine(
                skip + F.interpolate(up(x), skip.shape[2:], mode="bilinear", align_corners=False)
            )
        corrected: Tensor = logits + self.out(x)
        return corrected
