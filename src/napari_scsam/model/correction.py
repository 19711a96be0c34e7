"""What some checkpoints add to the logits of the classes that somebody has corrected.

Fine-tuning now tunes a copy of the class path (`napari_scsam.model.tuned_path`); this is read still.
A small U-Net (Ronneberger et al. 2015, arXiv 1505.04597) reads what both encoders see, and
computes what is added to the logits of corrected classes. The network beside it stays as it is
(side-tuning: Zhang et al. 2020, arXiv 1912.13503). So clicks, boxes and the logits of all other
classes do not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_scsam.model.mae import ConvBlock, halving_convolution

WIDTHS = {2: 24, 4: 48, 8: 72, 16: 96}
"""Channels at each stride, finest first."""

PER_CELL = 8
"""Cells of the maps for each cell of SAM, along one side."""

Covers = Sequence[Sequence[str]]
"""For each output, the names of the classes whose logits it changes."""


class Correction(nn.Module):
    """Compute maps that are added to class logits; those of an untrained one are zero.

    Parameters
    ----------
    covers
        For each of N outputs, the names of the classes whose logits it changes: a class and its
        parts.
    channels
        Of the features at each of their strides; the coarsest stride must be 16.
    """

    def __init__(self, covers: Covers, channels: Mapping[int, int]) -> None:
        super().__init__()
        self.covers = tuple(tuple(name.casefold() for name in names) for names in covers)
        strides = sorted(channels)
        self.lateral = nn.ModuleDict(
            {str(s): nn.Conv2d(channels[s], WIDTHS[s], 1) for s in strides}
        )
        self.down = nn.ModuleDict(
            {
                str(s): halving_convolution(WIDTHS[s // 2], WIDTHS[s])
                for s in WIDTHS
                if s > strides[0]
            }
        )
        self.encode = nn.ModuleDict(
            {str(s): ConvBlock(WIDTHS[s]) for s in WIDTHS if s >= strides[0]}
        )
        self.carry = nn.ModuleDict(
            {str(s): nn.Conv2d(WIDTHS[2 * s], WIDTHS[s], 1) for s in WIDTHS if s < 16}
        )
        self.decode = nn.ModuleDict({str(s): ConvBlock(width) for s, width in WIDTHS.items()})
        self.out = nn.Conv2d(WIDTHS[2], len(self.covers), 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, features: Mapping[int, Tensor]) -> Tensor:
        """Compute B×N×8h×8w maps from the features at each stride; h×w are those at 16."""
        seen: dict[int, Tensor] = {}
        for stride in WIDTHS:
            parts = []
            if str(stride) in self.down:
                parts.append(self.down[str(stride)](seen[stride // 2]))
            if str(stride) in self.lateral:
                parts.append(self.lateral[str(stride)](features[stride]))
            if parts:
                seen[stride] = self.encode[str(stride)](sum_of(parts))
        x = self.decode["16"](seen[16])
        for stride in (8, 4, 2):
            carried = [self.carry[str(stride)](doubled(x))]
            x = self.decode[str(stride)](sum_of([*carried, *own(seen, stride)]))
        maps: Tensor = self.out(x)
        return maps


def own(seen: Mapping[int, Tensor], stride: int) -> list[Tensor]:
    """Return what was seen at a stride, if anything was."""
    return [seen[stride]] if stride in seen else []


def sum_of(parts: Sequence[Tensor]) -> Tensor:
    """Add maps of one shape."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def doubled(maps: Tensor) -> Tensor:
    """Enlarge maps to twice the size."""
    return F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)


def covers_of(corrections: Iterable[nn.Module]) -> list[Covers]:
    """Return what the outputs of each correction cover."""
    return [cast("Correction", each).covers for each in corrections]


def added_maps(
    corrections: Iterable[nn.Module], features: Mapping[int, Tensor], like: Tensor
) -> Tensor:
    """Compute the maps of all corrections.

    Parameters
    ----------
    corrections
        Each a `Correction`.
    features
        By stride.
    like
        B×C×h×w, whose batch and grid the maps have.

    Returns
    -------
    maps
        B×N×8h×8w; N is 0 without corrections.
    """
    batch, _, rows, columns = like.shape
    maps = [like.new_empty(batch, 0, PER_CELL * rows, PER_CELL * columns)]
    maps += [each(features).to(like.dtype) for each in corrections]
    return torch.cat(maps, dim=1)


def add_maps(logits: Tensor, maps: Tensor, covers: Covers, names: Sequence[str]) -> Tensor:
    """Add maps to the logits of the classes that they are for.

    Parameters
    ----------
    logits
        B×K×Y×X.
    maps
        B×N×8h×8w.
    covers
        Names of the classes that each of the N maps is for, in lower case.
    names
        Of the K classes.
    """
    outputs = [
        [number for number, covered in enumerate(covers) if name.casefold() in covered]
        for name in names
    ]
    if not any(outputs):
        return logits
    size = logits.shape[2:]
    shown = F.interpolate(maps.to(logits.dtype), size, mode="bilinear", align_corners=False)
    rows = [logits[:, row] + shown[:, found].sum(1) for row, found in enumerate(outputs)]
    return torch.stack(rows, dim=1)
