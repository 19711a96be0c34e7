"""Feature alignment and fusion of the EM prior with SAM's embedding.

``fused = sam + out(gate · mae)`` with ``out`` zero-initialised, so that an
untrained ScSAM *is* SAM and a bad prior cannot hurt. The gates weigh channels
and places, as in CBAM-like fusions (Woo et al. 2018); no batch norm, because
batches of one are common here.
"""

from __future__ import annotations

import torch
from segment_anything.modeling.common import LayerNorm2d
from torch import Tensor, nn
from torch.nn import functional as F


class Alignment(nn.Module):
    """Bring an embedding to 256 channels and SAM's grid, in the form of SAM's own neck.

    Parameters
    ----------
    channels
        Input channels.
    stride
        Input cells per cell of SAM's grid, along one side.
    dim
        Output channels.
    """

    def __init__(self, channels: int, stride: int = 1, dim: int = 256) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, dim, 1, bias=False),
            LayerNorm2d(dim),
            nn.Conv2d(dim, dim, 3, stride=stride, padding=1, bias=False),
            LayerNorm2d(dim),
        )

    def forward(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        """Align B×C×h'×w' to B×dim×h×w."""
        x = self.layers(x)
        if x.shape[2:] == grid:
            return x
        return F.interpolate(x, grid, mode="bilinear", antialias=True, align_corners=False)


class Fusion(nn.Module):
    """Gate the aligned EM prior by channel and by place, and add it to SAM's embedding.

    Parameters
    ----------
    mae_channels, mae_stride
        Of the MAE's coarsest level.
    dim
        Channels of SAM's embedding.
    kind
        ``"gated"``, or ``"sum"`` without the gates (for comparison).
    """

    def __init__(
        self, mae_channels: int, mae_stride: int, dim: int = 256, kind: str = "gated"
    ) -> None:
        super().__init__()
        self.kind = kind
        self.align_sam = nn.Sequential(nn.Conv2d(dim, dim, 1, bias=False), LayerNorm2d(dim))
        self.align_mae = Alignment(mae_channels, stride=max(1, 16 // mae_stride), dim=dim)
        self.channel_gate = nn.Sequential(
            nn.Linear(2 * dim, dim // 4), nn.ReLU(), nn.Linear(dim // 4, dim)
        )
        self.spatial_gate = nn.Conv2d(2, 1, 7, padding=3)
        self.out = nn.Conv2d(dim, dim, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, sam: Tensor, mae: Tensor) -> Tensor:
        """Fuse B×256×h×w of SAM with B×D×h'×w' of the MAE to B×256×h×w."""
        prior = self.align_mae(mae, (sam.shape[2], sam.shape[3]))
        if self.kind == "gated":
            prior = self.gate(self.align_sam(sam), prior) * prior
        fused: Tensor = sam + self.out(prior)
        return fused

    def gate(self, sam: Tensor, prior: Tensor) -> Tensor:
        """Return the share of the prior to add, B×256×h×w in 0..1."""
        pooled = torch.cat([sam.mean((2, 3)), prior.mean((2, 3))], dim=1)
        both = sam + prior
        places = self.spatial_gate(
            torch.cat([both.mean(1, keepdim=True), both.amax(1, keepdim=True)], dim=1)
        )
        return torch.sigmoid(self.channel_gate(pooled)[:, :, None, None] + places)
