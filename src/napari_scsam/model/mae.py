"""The EM prior: encoders pre-trained as masked autoencoders (He et al. 2022).

Two forms behind one interface. `HybridMAE` has a convolutional stem and
trains in hours on two cores; `ViTMAE` wraps any timm ViT, for those who have
pre-trained weights. Both give several levels, finest first, because small
organelles are visible in the fine ones.
"""

from __future__ import annotations

from typing import Protocol

import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from napari_scsam.config import TIMM_NAME, UserError
from napari_scsam.model.packed_linear import PackedLinear

PIXEL_MEAN = 0.5
PIXEL_STD = 0.25
"""Normalisation of grey values in 0..1; EM of any contrast sits near the middle."""


class MAEEncoder(Protocol):
    """Interface of EM encoders, for fusion and pre-training."""

    strides: tuple[int, ...]
    """Input pixels per cell of each level, finest first."""
    channels: tuple[int, ...]
    """Channels of each level."""

    def __call__(self, image: Tensor, mask: Tensor | None = None) -> tuple[Tensor, ...]:
        """Encode B×1×H×W in 0..1 to one B×C×H/s×W/s per level.

        `mask` (B×1×H×W, 1 = hidden) blanks pixels.
        """
        ...


def masked_input(image: Tensor, mask: Tensor | None) -> Tensor:
    """Normalise, and blank what is hidden; the mask itself is a second channel."""
    x = (image - PIXEL_MEAN) / PIXEL_STD
    if mask is None:
        mask = torch.zeros_like(x)
    mask = mask.to(x.dtype)
    return torch.cat([x * (1 - mask), mask], dim=1)


class ConvBlock(nn.Module):
    """Residual pair of 3×3 convolutions with group norm, at the same size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.GroupNorm(8, channels),
            nn.GELU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.GroupNorm(8, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve B×C×H×W to the same shape."""
        return F.gelu(x + self.body(x))


def halving_convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    """Create a stride-2 convolution with group norm."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1, bias=False),
        nn.GroupNorm(8, out_channels),
        nn.GELU(),
    )


class WindowBlock(nn.Module):
    """Transformer block on windows of tokens, at any size of grid.

    A depthwise convolution encodes positions and connects neighbouring windows,
    as in TinyViT (Wu et al. 2022), so nothing is tied to a grid.
    """

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.position = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.qkv = PackedLinear(dim, 3 * dim)
        self.proj = PackedLinear(dim, dim)
        self.mlp = nn.Sequential(PackedLinear(dim, 4 * dim), nn.GELU(), PackedLinear(4 * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        """Transform B×C×h×w to the same shape."""
        x = (x + self.position(x)).permute(0, 2, 3, 1)  # B×h×w×C
        x = x + self.attend(self.norm1(x))
        x = x + self.mlp[2](self.mlp[0](self.norm2(x), gelu=True))
        return x.permute(0, 3, 1, 2)

    def attend(self, x: Tensor) -> Tensor:
        """Attend inside windows, B×h×w×C; the grid is zero-padded to whole windows."""
        (batch, h, w, dim) = x.shape
        n = self.window
        x = F.pad(x, (0, 0, 0, -w % n, 0, -h % n))
        rows = x.shape[1] // n
        columns = x.shape[2] // n
        x = x.view(batch, rows, n, columns, n, dim).transpose(2, 3).reshape(-1, n * n, dim)
        q, k, v = self.qkv(x).view(len(x), n * n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        x = window_attention(q, k, v).transpose(1, 2).reshape(-1, n * n, dim)
        x = self.proj(x).view(batch, rows, columns, n, n, dim).transpose(2, 3)
        x = x.reshape(batch, rows * n, columns * n, dim)
        return x[:, :h, :w]


def window_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend within windows.

    On CPUs in bfloat16, plain products are 1.3× faster than torch's fused kernel.
    """
    if q.device.type == "cpu" and q.dtype == torch.bfloat16:
        return torch.softmax((q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1), -1).to(v.dtype) @ v
    return F.scaled_dot_product_attention(q, k, v)


class HybridMAE(nn.Module):
    """Convolutional stem to stride 8, then window transformer blocks; levels at strides 2, 4 and 8.

    Parameters
    ----------
    width
        Channels of the transformer, a multiple of 32.
    depth
        Number of transformer blocks.
    window
        Tokens along the side of an attention window.
    """

    def __init__(self, width: int = 192, depth: int = 6, window: int = 14) -> None:
        super().__init__()
        self.strides = (2, 4, 8)
        self.channels = (32, 64, width)
        self.stem2 = nn.Sequential(halving_convolution(2, 32), ConvBlock(32))
        self.stem4 = nn.Sequential(halving_convolution(32, 64), ConvBlock(64))
        self.stem8 = halving_convolution(64, width)
        self.blocks = nn.Sequential(
            *[WindowBlock(width, width // 32, window) for _ in range(depth)]
        )
        self.norm = nn.GroupNorm(1, width)

    def forward(self, image: Tensor, mask: Tensor | None = None) -> tuple[Tensor, ...]:
        """Encode B×1×H×W in 0..1 to B×32×H/2×W/2, B×64×H/4×W/4, B×width×H/8×W/8."""
        fine = self.stem2(masked_input(image, mask))
        middle = self.stem4(fine)
        return fine, middle, self.norm(self.blocks(self.stem8(middle)))


class ViTMAE(nn.Module):
    """A timm ViT as EM encoder, with a small convolutional stem for the fine levels.

    Parameters
    ----------
    name
        Any timm ViT, e.g. ``"vit_base_patch16_224.mae"``; ``patch`` and
        position embedding adapt to the input (``dynamic_img_size``).
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.vit = timm_vit(name)
        patch = self.vit.patch_embed.patch_size[0]
        self.strides = (2, 4, patch)
        self.channels = (32, 64, self.vit.embed_dim)
        self.stem2 = nn.Sequential(halving_convolution(2, 32), ConvBlock(32))
        self.stem4 = nn.Sequential(halving_convolution(32, 64), ConvBlock(64))

    def forward(self, image: Tensor, mask: Tensor | None = None) -> tuple[Tensor, ...]:
        """Encode B×1×H×W in 0..1 to B×32×H/2×W/2, B×64×H/4×W/4, B×D×H/patch×W/patch."""
        x = masked_input(image, mask)
        fine = self.stem2(x)
        coarse = self.vit.get_intermediate_layers(x[:, :1], n=1, norm=True, reshape=True)[0]
        return fine, self.stem4(fine), coarse


def timm_vit(name: str) -> VisionTransformer:
    """Create the timm ViT of a name, for one channel and any size.

    Raises
    ------
    UserError
        When timm has no such ViT, or it is not a plain one.
    """
    hint = "write 'hybrid', or a name that timm.list_models('vit_*') gives"
    if not TIMM_NAME.fullmatch(name):
        raise UserError(f"{name[:80]!r} is not a name of timm; {hint}")
    try:
        vit = timm.create_model(
            name, pretrained=False, in_chans=1, num_classes=0, dynamic_img_size=True
        )
    except (RuntimeError, TypeError) as error:
        raise UserError(f"timm has no ViT {name!r}; {hint}") from error
    if not isinstance(vit, VisionTransformer):
        raise UserError(f"{name!r} of timm is not a plain ViT; {hint}")
    return vit


def build_mae_encoder(name: str) -> HybridMAE | ViTMAE:
    """Create ``"hybrid"``, or the timm ViT of that name."""
    if name == "hybrid":
        return HybridMAE()
    return ViTMAE(name)


class MaskedAutoencoder(nn.Module):
    """An encoder with the head that reconstructs hidden blocks from its coarsest level.

    Follows SimMIM (Xie et al. 2022, arXiv 2111.09886) in predicting the
    hidden blocks directly. The target is the smoothed image: at a few nm per
    pixel the noise of single pixels cannot be predicted.
    """

    def __init__(self, encoder: HybridMAE | ViTMAE, block: int = 16) -> None:
        super().__init__()
        self.encoder = encoder
        self.block = block
        stride = encoder.strides[-1]
        channels = encoder.channels[-1]
        self.head = nn.Sequential(nn.Conv2d(channels, stride * stride, 1), nn.PixelShuffle(stride))

    def forward(self, image: Tensor, hidden: float = 0.6) -> Tensor:
        """Return the mean squared error on the hidden blocks of B×1×H×W.

        It is relative to the variance of the batch: 1 is as good as predicting the mean.
        """
        mask = self.random_mask(image, hidden)
        predicted = self.head(self.encoder(image, mask)[-1]).float()
        target = binomial_blur((image - PIXEL_MEAN) / PIXEL_STD)
        error = (predicted - target) ** 2
        loss: Tensor = (error * mask).sum() / mask.sum().clamp_min(1) / target.var((2, 3)).mean()
        return loss

    def random_mask(self, image: Tensor, hidden: float) -> Tensor:
        """Hide a share of the blocks of each image: B×1×H×W, 1 = hidden."""
        rows = image.shape[2] // self.block
        columns = image.shape[3] // self.block
        noise = torch.rand(len(image), rows * columns, device=image.device)
        chosen = noise.argsort(1).argsort(1) < round(hidden * rows * columns)
        mask = chosen.view(-1, 1, rows, columns).to(image.dtype)
        return F.interpolate(mask, image.shape[2:], mode="nearest")


def binomial_blur(x: Tensor) -> Tensor:
    """Blur B×1×H×W with a 5-tap binomial kernel (sigma about 1 pixel)."""
    taps = x.new_tensor([1, 4, 6, 4, 1]) / 16
    x = F.pad(x, (2, 2, 2, 2), mode="reflect")
    return F.conv2d(F.conv2d(x, taps.view(1, 1, 1, 5)), taps.view(1, 1, 5, 1))
