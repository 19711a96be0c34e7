"""SAM's mask decoder for many prompts at once, and the detail path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from segment_anything.modeling import MaskDecoder
from segment_anything.modeling.mask_decoder import MLP
from torch import Tensor, nn
from torch.nn import functional as F

from napari_scsam.model.mae import ConvBlock


class Decoded(NamedTuple):
    """Output of the decoder for N prompts."""

    logits: Tensor
    """N×1×4h×4w mask logits; above 0 is inside."""
    quality: Tensor
    """N×1 predicted IoU of each mask."""
    token: Tensor
    """N×256 mask tokens after the transformer: each object or class in one vector."""


class PromptMaskDecoder(MaskDecoder):  # type: ignore[misc]
    """SAM's decoder, with the same keys, for several images in a batch.

    The original repeats the embedding of one image for all its prompts, so it
    takes a single image per call. Here B images have the same number of prompts each.
    Only the single-mask output is computed: classes are not ambiguous.
    """

    def forward(
        self, embeddings: Tensor, positions: Tensor, sparse: Tensor, dense: Tensor
    ) -> Decoded:
        """Decode prompts of B images, N/B for each in turn.

        Parameters
        ----------
        embeddings
            B×256×h×w.
        positions
            1×256×h×w, SAM's encoding of the grid.
        sparse
            N×n×256 prompts.
        dense
            N×256×h×w prompts.
        """
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight]).expand(
            len(sparse), -1, -1
        )
        images = as_cells(embeddings)
        asked = as_cells(dense)
        cells = (images[:, None] + asked.view(len(images), -1, *asked.shape[1:])).flatten(0, 1)
        tokens, cells = self.transformer(
            cells, as_cells(positions), torch.cat([own, sparse], dim=1)
        )
        logits = self.masks(
            cells, self.output_hypernetworks_mlps[0](tokens[:, 1]), embeddings.shape[2:]
        )
        return Decoded(logits, self.iou_prediction_head(tokens[:, 0])[:, :1], tokens[:, 1])

    def masks(self, cells: Tensor, filters: Tensor, grid: Sequence[int]) -> Tensor:
        """Upscale N×h·w×256 cells fourfold and filter each by its N×32: N×1×4h×4w.

        A transposed convolution whose stride is its size is a linear layer on
        each cell. So the channels stay contiguous in memory, and only the
        mask is rearranged into rows and columns.
        """
        first, norm, act, second, _ = self.output_upscaling
        normed = F.layer_norm(
            spread(first, cells), norm.weight.shape, norm.weight, norm.bias, norm.eps
        )
        halves = act(normed)  # N×h·w×4×64
        quarters = act(spread(second, halves))  # N×h·w×4×4×32
        masks = torch.einsum("nc,nsabc->nsab", filters.to(quarters.dtype), quarters)
        (h, w) = grid
        n = len(cells)
        pixels = masks.view(n, h, w, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4, 6)
        return pixels.reshape(n, 1, 4 * h, 4 * w)


def as_cells(maps: Tensor) -> Tensor:
    """Return N×C×h×w as N×h·w×C; a view, as channels are contiguous (`channels_last`)."""
    return maps.flatten(2).transpose(1, 2)


def spread(layer: nn.ConvTranspose2d, cells: Tensor) -> Tensor:
    """Apply a transposed convolution of size and stride 2 to …×C cells: …×4×C'.

    The four pixels of a cell are in row order.
    """
    weight = layer.weight.permute(2, 3, 1, 0).flatten(0, 2)
    bias = None
    if layer.bias is not None:
        bias = layer.bias.repeat(4)
    pixels: Tensor = F.linear(cells, weight, bias)
    return pixels.view(*cells.shape[:-1], 4, -1)


def as_channels_last(gradient: Tensor) -> Tensor:
    """Return a B×C×H×W gradient in the memory order of the maps."""
    return gradient.contiguous(memory_format=torch.channels_last)


class DetailPath(nn.Module):
    """Fine features at stride 2, shared by all prompts, and filters on them for each prompt.

    SAM's decoder ends at stride 4, too coarse for a vesicle of eight pixels. A small pyramid brings
    the fused embedding and the MAE's fine levels to stride 2 once per image. Each mask token then
    yields the weights of four 1×1 filters on it, as SAM does at stride 4. There is one for each
    pixel of a cell, so that masks have full resolution (Shi et al. 2016). So does the prototype of
    a class, which identifies the class directly. Both are zero-initialised: untrained, the masks
    are SAM's.
    """

    def __init__(
        self, strides: tuple[int, ...], channels: tuple[int, ...], dim: int = 256, width: int = 32
    ) -> None:
        super().__init__()
        widths = {2: width, 4: 2 * width, 8: 3 * width, 16: 4 * width}
        self.grids = (8, 4, 2)
        self.top = nn.Conv2d(dim, widths[16], 1)
        self.carry = nn.ModuleDict(
            {str(s): nn.Conv2d(widths[2 * s], widths[s], 1) for s in self.grids}
        )
        levels = dict(zip(strides, channels, strict=True))
        self.lateral = nn.ModuleDict(
            {str(s): nn.Conv2d(levels[s], widths[s], 1) for s in self.grids if s in levels}
        )
        self.refine = nn.ModuleDict({str(s): ConvBlock(widths[s]) for s in self.grids})
        self.strides = strides
        # One number more than the features have channels: the last is the filter's bias.
        self.filters = MLP(dim, dim, 4 * (width + 1), 3)
        self.class_filters = nn.Linear(dim, 4 * (width + 1), bias=False)
        for last in (
            self.filters.layers[-1].weight,
            self.filters.layers[-1].bias,
            self.class_filters.weight,
        ):
            nn.init.zeros_(last)

    def features(self, fused: Tensor, levels: tuple[Tensor, ...]) -> Tensor:
        """Join fused B×256×h×w and the levels of the MAE to B×width×8h×8w."""
        x: Tensor = self.top(fused)
        for stride in self.grids:
            x = F.interpolate(
                self.carry[str(stride)](x), scale_factor=2, mode="bilinear", align_corners=False
            )
            if str(stride) in self.lateral:
                x = x + self.lateral[str(stride)](levels[self.strides.index(stride)])
            x = self.refine[str(stride)](x)
        if x.requires_grad:
            # Else gradients go back in another order than values, which takes a sixth longer.
            x.register_hook(as_channels_last)  # type: ignore[no-untyped-call]
        return x

    def forward(
        self, decoded: Decoded, features: Tensor, prototypes: Tensor | None = None
    ) -> Tensor:
        """Sharpen K masks per image to B×K×16h×16w logits.

        Parameters
        ----------
        decoded
            (B·K)×1×4h×4w logits, and their tokens.
        features
            B×C×8h×8w.
        prototypes
            K×256 of unit length, of the classes; None for clicks and boxes.
        """
        (batch, _, rows, columns) = features.shape
        size = decoded.logits.shape[2:]
        coarse = decoded.logits.view(batch, -1, *size)  # B×K×4h×4w
        filters = self.filters(decoded.token).view(batch, coarse.shape[1], -1)
        if prototypes is not None:
            filters = filters + self.class_filters(prototypes)
        filters = filters.view(batch, 4 * coarse.shape[1], -1)  # of each, C weights and a bias
        # Channels are contiguous, as the convolutions left them.
        cells = features.permute(0, 2, 3, 1).flatten(1, 2)
        fine = torch.baddbmm(
            filters[..., -1:], filters[..., :-1], cells.transpose(1, 2).to(filters.dtype)
        )
        # B×K×8h×2×8w×2
        pixels = fine.view(batch, -1, 2, 2, rows, columns).permute(0, 1, 4, 2, 5, 3)
        # In float32 even where the rest is not: upsampling is faster in it.
        sharp: Tensor = F.interpolate(
            coarse.float(), scale_factor=4, mode="bilinear", align_corners=False
        )
        return sharp + pixels.float().flatten(4, 5).flatten(2, 3)
