"""From tiles of a slice to their embeddings, through the disk.

What is cached for a tile depends on what its bytes save. Where SAM's encoder is a big ViT, only
SAM's features (256×h×w) are cached: they are most of the work and a tenth of the bytes. Every
checkpoint that was trained on that frozen encoder can use them. With the tiny encoder, the MAE and
the fusion are half of the work, so the whole embedding is cached: a tile then costs reading only,
but belongs to one checkpoint. Without the detail path, SAM's features are nearly the whole
embedding. ``make benchmark-speed`` has the figures.
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
from napari_scsam.infer.disk_cache import DiskCache, TileValues
from napari_scsam.infer.tiling import Tile, cut_tile
from napari_scsam.model import Embedding, EncoderFeatures, ScSAM
from napari_scsam.model.image_encoder import EMBED_DIM, SAM_ENCODERS, STRIDE

CACHE_FORMAT = 1
"""To be raised when the same weights and pixels no longer give the values on disk."""

DETAIL_PER_CELL = 8
"""Detail cells per cell of SAM, along one side."""


@dataclass(frozen=True, eq=False)
class TileGrid:
    """A slice at the model's pixel size, and the tiles it is cut into."""

    grey: NDArray[np.float32]
    """Y×X in 0..1"""
    tiles: Sequence[Tile]

    @cached_property
    def name(self) -> str:
        """A name for exactly these tiles of exactly these grey values, the same in every process.

        It is made from what the encoders see, so it knows nothing of volumes: a file that was moved
        or converted is found again. Whatever changes a pixel, such as another contrast or pixel
        size, changes the name. It costs a millisecond for a megapixel.
        """
        digest = hashlib.blake2b(repr((self.grey.shape, self.tiles)).encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.grey).data)
        return digest.hexdigest()


class TileEncoder:
    """Runs the encoders and the fusion on tiles, or reads earlier results.

    Parameters
    ----------
    model
        On its device.
    device
        Where the model is.
    disk
        Where results are cached; None computes every tile.
    fill
        Whether new results are written there.
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
        # What an imported network makes of a tile is as large as the tile, many times.
        self.disk = None if model.config.classes_only else disk
        self.fill = fill

    def embed(self, grid: TileGrid, tiles: Sequence[Tile]) -> Embedding:
        """Embed B tiles of one size in one batch."""
        image = self._image(grid, tiles)
        with torch.inference_mode(), precision(self.device):
            if self.disk is None:
                return self.model.fuse(self.model.encode(image))
            cached = self._cached(grid, tiles, image)
            if self._caches_embedding:
                # Also right after computing, so that a second visit gives the same bits.
                return unpack_embedding(cached, self.device, self.model.added_maps)
            levels = self.model.mae(image) if "mae" in self.model.config.branches else ()
            return self.model.fuse(EncoderFeatures(cached, levels))

    def cache(self, grid: TileGrid, tiles: Sequence[Tile]) -> None:
        """Compute and write those of B tiles that are not on disk."""
        with torch.inference_mode(), precision(self.device):
            self._cached(grid, tiles, self._image(grid, tiles))

    def bytes_on_disk(self, grid: TileGrid) -> int:
        """Return the size of the tiles of a slice in the cache."""
        if self.disk is None:
            return 0
        return self.disk.bytes(self._name(grid))

    def _name(self, grid: TileGrid) -> str:
        return f"{self._weights}-{grid.name}"

    def _image(self, grid: TileGrid, tiles: Sequence[Tile]) -> Tensor:
        pixels = torch.from_numpy(np.stack([cut_tile(grid.grey, tile) for tile in tiles]))[:, None]
        return pixels.to(self.device).contiguous(memory_format=torch.channels_last)

    @cached_property
    def _caches_embedding(self) -> bool:
        """Whether whole embeddings are cached, or SAM's features only."""
        config = self.model.config
        if "sam" not in config.branches:
            return True
        return SAM_ENCODERS[config.sam].is_light and config.detail

    @cached_property
    def _weights(self) -> str:
        """A name for the weights that the cached values depend on."""
        model = self.model
        config = self.model.config
        if not self._caches_embedding:
            return f"{CACHE_FORMAT}-{config.sam}-{weights_hash(model.image_encoder)}"
        detail = model.detail
        pyramid = (detail.top, detail.carry, detail.lateral, detail.refine)
        form = f"{config.sam}-{config.mae}-{config.branches}-{config.fusion}".replace("/", "_")
        added = (model.corrections, model.tuned)
        digest = weights_hash(model.image_encoder, model.mae, model.fusion, *pyramid, *added)
        return f"{CACHE_FORMAT}-{form}-{digest}"

    def _cached(self, grid: TileGrid, tiles: Sequence[Tile], image: Tensor) -> Tensor:
        """Return the cached values of B tiles, B×C×h×w, computing those that are missing.

        Both are rounded to fp16 and laid out alike, so that they give the same answer.
        """
        found = [self._read(grid, tile) for tile in tiles]
        missing = [i for i, values in enumerate(found) if values is None]
        if missing:
            computed = self._compute(image[missing]).half().cpu().contiguous().numpy()
            for i, values in zip(missing, computed, strict=True):
                found[i] = values
                self._write(grid, tiles[i], values)
        complete = np.stack([values for values in found if values is not None])
        return torch.from_numpy(complete).to(self.device).float()

    def _compute(self, image: Tensor) -> Tensor:
        """Compute the values to cache for B×1×H×W, as B×C×h×w."""
        if self._caches_embedding:
            return pack_embedding(self.model.fuse(self.model.encode(image)))
        features: Tensor = self.model.image_encoder(self.model.sam_input(image))
        return features

    def _read(self, grid: TileGrid, tile: Tile) -> TileValues | None:
        if self.disk is None or tile not in grid.tiles:
            return None
        cells = (tile.height // STRIDE, tile.width // STRIDE)
        return self.disk.get(self._name(grid), grid.tiles.index(tile), cells)

    def _write(self, grid: TileGrid, tile: Tile, values: TileValues) -> None:
        if self.disk is not None and self.fill and tile in grid.tiles:
            self.disk.put(self._name(grid), grid.tiles.index(tile), len(grid.tiles), values)


def pack_embedding(embedding: Embedding) -> Tensor:
    """Join fused and detail features, and N added maps: B×(256+64·32+64·N)×h×w.

    The 8×8 cells of detail and maps for each of SAM's cells become channels.
    """
    # Torch does not unshuffle an empty tensor.
    fine = [maps.float() for maps in (embedding.detail, embedding.added) if maps.numel()]
    cells = [F.pixel_unshuffle(maps, DETAIL_PER_CELL) for maps in fine]
    return torch.cat([embedding.fused.float(), *cells], 1)


def unpack_embedding(packed: Tensor, device: torch.device, added: int = 0) -> Embedding:
    """Undo `pack_embedding`, in the precision that the device computes in.

    Parameters
    ----------
    packed
        What it returned.
    device
        Where it is computed on.
    added
        N, the number of maps that fine-tuning adds.
    """
    dtype = torch.float32
    if torch.is_autocast_enabled(device.type):
        dtype = torch.get_autocast_dtype(device.type)
    end = packed.shape[1] - added * DETAIL_PER_CELL**2
    detail = F.pixel_shuffle(packed[:, EMBED_DIM:end], DETAIL_PER_CELL)
    maps = F.pixel_shuffle(packed[:, end:], DETAIL_PER_CELL)
    return Embedding(packed[:, :EMBED_DIM], detail.to(dtype), maps.to(dtype))


def weights_hash(*modules: nn.Module) -> str:
    """Return a hash that differs between modules of one form with different weights.

    Biases of 0 do not count: runs and caches of versions without biases are found by it.
    """
    digest = hashlib.blake2b(digest_size=16)
    for module in modules:
        for name, value in module.state_dict().items():
            if name == "class_biases" and not bool(value.any()):
                continue
            raw = value.detach().cpu().contiguous().flatten().view(torch.uint8)
            digest.update(raw.numpy().data)
    return digest.hexdigest()
