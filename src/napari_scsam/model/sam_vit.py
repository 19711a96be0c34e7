"""segment-anything's ViT, faster, with the same keys and numbers.

Tests compare it with the original. Relative positions are never expanded, and weights
are packed once.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from segment_anything.modeling.common import LayerNorm2d
from segment_anything.modeling.image_encoder import PatchEmbed
from torch import Tensor, nn
from torch.nn import functional as F

from napari_scsam.model.packed_linear import PackedLinear
from napari_scsam.model.sam_attention import attend, relative_terms

STRIP = 14
"""Rows of independent tokens that a CPU computes at once, so that they stay in the cache."""


class SamViT(nn.Module):
    """The encoder of vit_b, vit_l and vit_h: B×3×H×W to B×C×H/16×W/16.

    H and W are any multiples of 16. Positions are resized when the grid is not the one they were
    trained at: the absolute ones bicubic, antialiased, in float32; the relative ones of the global
    blocks linear, as in the original.

    Parameters
    ----------
    width, depth, heads
        Channels of a token, number of blocks, attention heads of each.
    global_blocks
        Blocks that attend over the whole image; the others do in windows.
    grid
        Side of the square grid that the positions are stored for.
    window
        Side of a window in tokens.
    out
        Channels C of the embedding.
    """

    def __init__(
        self,
        width: int,
        depth: int,
        heads: int,
        global_blocks: tuple[int, ...],
        *,
        grid: int = 64,
        window: int = 14,
        out: int = 256,
    ) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(embed_dim=width)
        self.pos_embed = nn.Parameter(torch.zeros(1, grid, grid, width))
        self.blocks = nn.ModuleList(
            ViTBlock(width, heads, grid, None if i in global_blocks else window)
            for i in range(depth)
        )
        self.neck = nn.Sequential(
            nn.Conv2d(width, out, 1, bias=False),
            LayerNorm2d(out),
            nn.Conv2d(out, out, 3, padding=1, bias=False),
            LayerNorm2d(out),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Embed B×3×H×W, already normalised and padded to multiples of 16."""
        x = self.patch_embed(x)  # B×h×w×D
        x = x + self.positions(x.shape[1], x.shape[2]).to(x.dtype)
        for block in self.blocks:
            x = block(x)
        embedding: Tensor = self.neck(x.permute(0, 3, 1, 2))
        return embedding

    def positions(self, h: int, w: int) -> Tensor:
        """Return the position embedding for an h×w grid, 1×h×w×D."""
        pos = self.pos_embed
        if pos.shape[1:3] == (h, w):
            return pos
        grid = F.interpolate(
            pos.permute(0, 3, 1, 2).float(),
            (h, w),
            mode="bicubic",
            antialias=True,
            align_corners=False,
        )
        return grid.permute(0, 2, 3, 1)


class ViTBlock(nn.Module):
    """Residual attention and MLP: B×h×w×D to the same."""

    def __init__(self, width: int, heads: int, grid: int, window: int | None) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads, grid, window)
        self.mlp = Mlp(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """Map B×h×w×D to B×h×w×D."""
        if not self.attn.window:
            return in_strips(self.add_mlp, self.add_attention(x), STRIP)
        return in_strips(lambda s: self.add_mlp(self.add_attention(s)), x, self.attn.window)

    def add_attention(self, x: Tensor) -> Tensor:
        """Apply the first half of `forward`."""
        attended: Tensor = self.attn(self.norm1(x))
        return x + attended

    def add_mlp(self, x: Tensor) -> Tensor:
        """Apply the second half, to each token alone."""
        mapped: Tensor = self.mlp(self.norm2(x))
        return x + mapped


def in_strips(step: Callable[[Tensor], Tensor], x: Tensor, rows: int) -> Tensor:
    """Apply a step to B×h×w×D, some rows at a time on a CPU, all at once elsewhere."""
    if x.device.type != "cpu":
        return step(x)
    return torch.cat([step(strip) for strip in torch.split(x, rows, dim=1)], dim=1)


class Mlp(nn.Module):
    """Two linear layers with GELU between."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = PackedLinear(width, hidden)
        self.lin2 = PackedLinear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map B×h×w×D to B×h×w×D."""
        mapped: Tensor = self.lin2(self.lin1(x, gelu=True))
        return mapped


class Attention(nn.Module):
    """Attention over the whole grid, or in windows that tile it from the top left."""

    def __init__(self, width: int, heads: int, grid: int, window: int | None) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        side = window or grid
        self.qkv = PackedLinear(width, 3 * width)
        self.proj = PackedLinear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, width // heads))

    def forward(self, x: Tensor) -> Tensor:
        """Map B×h×w×D to B×h×w×D."""
        _, h, w, _ = x.shape
        size = (h, w)
        if self.window:
            size = (self.window, self.window)
        qkv = self.qkv(x)
        # The original pads before the linear layer, which turns a zero token into its bias.
        qkv = pad_to(qkv, size, self.qkv.bias)
        with torch.autocast(x.device.type, enabled=False):
            q, k, v = split_windows(qkv, size, self.heads)
            mixed = attend(q, k, v, *relative_terms(q, self.rel_pos_h, self.rel_pos_w, size))
        projected: Tensor = self.proj(join_windows(mixed, qkv.shape, size)[:, :h, :w])
        return projected


def pad_to(x: Tensor, size: tuple[int, int], value: Tensor) -> Tensor:
    """Pad B×h×w×C below and on the right with a token (C), to multiples of a window."""
    batch, h, w, _ = x.shape
    below = -h % size[0]
    right = -w % size[1]
    if not (below or right):
        return x
    padded = value.to(x.dtype).expand(batch, h + below, w + right, -1).clone()
    padded[:, :h, :w] = x
    return padded


def split_windows(qkv: Tensor, size: tuple[int, int], heads: int) -> Tensor:
    """Cut B×H×W×3D into windows of a size, h×w: 3×N×heads×h·w×d."""
    batch, H, W, _ = qkv.shape
    h, w = size
    tiles = qkv.view(batch, H // h, h, W // w, w, 3, heads, -1).permute(5, 0, 1, 3, 6, 2, 4, 7)
    return tiles.contiguous().view(3, -1, heads, h * w, tiles.shape[-1])


def join_windows(mixed: Tensor, shape: torch.Size, size: tuple[int, int]) -> Tensor:
    """Put windows, N×heads×h·w×d, back in their places on a B×H×W grid: B×H×W×D."""
    (batch, H, W) = shape[:3]
    (h, w) = size
    tiles = mixed.view(batch, H // h, W // w, mixed.shape[1], h, w, -1).permute(0, 1, 4, 2, 5, 3, 6)
    return tiles.reshape(batch, H, W, -1)
