"""From tiles of a slice to their embeddings, through the disk.

What is kept for a tile depends on what its bytes save. Kept are SAM's
features alone (256×h×w) where SAM's encoder is a big ViT: they are most of the
work and a tenth of the bytes, and every checkpoint that was trained on that
frozen encoder can use them. With the tiny encoder, the MAE and the fusion
are half of the work, so the whole embedding is kept: a tile then costs
reading, but belongs to one checkpoint. Without the detail path SAM's features
are nearly all there is. ``make benchmark-speed`` has the figures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from napari_scsam.infer.device import precision
from napari_scsam.infer.disk_cache import DiskCache, Values
from napari_scsam.infer.tiling import Tile, cut
from napari_scsam.model import Embedding, EncoderFeatures, ScSAM
from napari_scsam.model.image_encoder import EMBED_DIM, STRIDE

FORMAT = 1
"""To be raised when the same weights and pixels no longer give what is on disk."""

DETAIL = 8
"""Detail cells for one of SAM's, along one side."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A slice at the model's pixel size, and the tiles it is cut into."""

    grey: NDArray[np.float32]
    """Y×X in 0..1"""
    tiles: Sequence[Tile]

    @cached_property
    def name(self) -> str:
        """A name for exactly these tiles of exactly these grey values, the same in every process.

        Made from what the encoders see, it needs to know nothing of volumes:
        a file may be moved, converted or opened from a layer and is found
        again, and whatever changes a pixel (another contrast or pixel size
        as well) is another name. It costs a millisecond for a megapixel.
        """
        digest = hashlib.blake2b(repr((self.grey.shape, self.tiles)).encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.grey).data)
        return digest.hexdigest()


class TileEncoder:
    """Runs the encoders and the fusion on tiles, or reads what they gave before.

    Parameters
    ----------
    model
        On its device.
    device
        Where it is.
    disk
        Where to look first, if anywhere.
    fill
        Whether to keep there what had to be computed.
    """

    def __init__(
        self,
        model: ScSAM,
        device: torch.device,
        disk: DiskCache | None = None,
        *,
        fill: bool = True,
    ) -> None:
        self.model = model
        self.device = device
        self.disk = disk
        self.fill = fill

    def embed(self, grid: Grid, tiles: Sequence[Tile]) -> Embedding:
        """Embed B tiles of one size in one batch."""
        image = self._image(grid, tiles)
        with torch.inference_mode(), precision(self.device):
            if self.disk is None:
                return self.model.fuse(self.model.encode(image))
            kept = self._kept(grid, tiles, image)
            if self._keeps_all:
                return unpack(kept, self.device)  # bit for bit what a second visit will read
            levels = self.model.mae(image) if "mae" in self.model.config.branches else ()
            return self.model.fuse(EncoderFeatures(kept, levels))

    def keep(self, grid: Grid, tiles: Sequence[Tile]) -> None:
        """Make sure that B tiles are on disk; what is there costs only a look."""
        with torch.inference_mode(), precision(self.device):
            self._kept(grid, tiles, self._image(grid, tiles))

    def bytes_on_disk(self, grid: Grid) -> int:
        """Return the bytes that the tiles of a slice take there."""
        return self.disk.bytes(self._name(grid)) if self.disk else 0

    def _name(self, grid: Grid) -> str:
        return f"{self._weights}-{grid.name}"

    def _image(self, grid: Grid, tiles: Sequence[Tile]) -> Tensor:
        pixels = torch.from_numpy(np.stack([cut(grid.grey, tile) for tile in tiles]))[:, None]
        return pixels.to(self.device).contiguous(memory_format=torch.channels_last)

    @cached_property
    def _keeps_all(self) -> bool:
        config = self.model.config
        return (config.sam == "vit_t" and config.detail) or "sam" not in config.branches

    @cached_property
    def _weights(self) -> str:
        """Name what decides, beside the pixels, what is kept."""
        model = self.model
        config = self.model.config
        if not self._keeps_all:
            return f"{FORMAT}-{config.sam}-{weights_hash(model.image_encoder)}"
        pyramid = (model.detail.top, model.detail.carry, model.detail.lateral, model.detail.refine)
        form = f"{config.sam}-{config.mae}-{config.branches}-{config.fusion}".replace("/", "_")
        return f"{FORMAT}-{form}-{weights_hash(model.image_encoder, model.mae, model.fusion, *pyramid)}"

    def _kept(self, grid: Grid, tiles: Sequence[Tile], image: Tensor) -> Tensor:
        """Read B×C×h×w from disk, and compute what is not there; both give the same numbers, those of fp16."""
        found = [self._read(grid, tile) for tile in tiles]
        missing = [i for i, values in enumerate(found) if values is None]
        if missing:
            for i, values in zip(
                missing, self._compute(image[missing]).half().cpu().numpy(), strict=True
            ):
                found[i] = values
                self._write(grid, tiles[i], values)
        return (
            torch.from_numpy(np.stack([values for values in found if values is not None]))
            .to(self.device)
            .float()
        )

    def _compute(self, image: Tensor) -> Tensor:
        """Compute what is kept of B×1×H×W, as B×C×h×w."""
        if self._keeps_all:
            return pack(self.model.fuse(self.model.encode(image)))
        features: Tensor = self.model.image_encoder(self.model.sam_input(image))
        return features

    def _read(self, grid: Grid, tile: Tile) -> Values | None:
        if self.disk is None or tile not in grid.tiles:
            return None
        cells = (tile.height // STRIDE, tile.width // STRIDE)
        return self.disk.get(self._name(grid), grid.tiles.index(tile), cells)

    def _write(self, grid: Grid, tile: Tile, values: Values) -> None:
        if self.disk is not None and self.fill and tile in grid.tiles:
            self.disk.put(self._name(grid), grid.tiles.index(tile), len(grid.tiles), values)


def pack(embedding: Embedding) -> Tensor:
    """Lay the detail's 8×8 cells of each of SAM's cells behind its fused features: B×(256+64·32)×h×w."""
    return torch.cat(
        [embedding.fused.float(), F.pixel_unshuffle(embedding.detail.float(), DETAIL)], 1
    )


def unpack(kept: Tensor, device: torch.device) -> Embedding:
    """Undo `pack`, in the precision that the device computes in."""
    fused = kept[:, :EMBED_DIM]
    detail = F.pixel_shuffle(kept[:, EMBED_DIM:], DETAIL)
    half = torch.is_autocast_enabled(device.type)
    return Embedding(
        fused, detail.to(torch.get_autocast_dtype(device.type) if half else torch.float32)
    )


def weights_hash(*modules: nn.Module) -> str:
    """Return a hash that differs between modules of one form with different weights."""
    digest = hashlib.blake2b(digest_size=16)
    for module in modules:
        for value in module.state_dict().values():
            digest.update(
                value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
            )
    return digest.hexdigest()
