"""Slices and the embeddings of their tiles: the half of a predictor that all questions share."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike

from napari_scsam.allocator import keep_freed_memory
from napari_scsam.infer.current_slice import CurrentSlice
from napari_scsam.infer.device import choose_device
from napari_scsam.infer.disk_cache import DiskCache
from napari_scsam.infer.embeddings import EmbeddingCache, join_batch
from napari_scsam.infer.memory import BatchLimits
from napari_scsam.infer.parallel import parallel_runner
from napari_scsam.infer.prepared_slice import (
    UNCHANGED,
    VIEWS,
    AugmentedView,
    Slice,
    check_slice,
    embedding_key,
    resampled_slice,
)
from napari_scsam.infer.tile_encoder import TileEncoder
from napari_scsam.infer.tiling import Tile, not_enlarged, pixel_size_of, zoom_to
from napari_scsam.io.contrast import Contrast, measure_contrast
from napari_scsam.model import Embedding, ScSAM
from napari_scsam.steps import Progress, Steps

T = TypeVar("T")


class SliceEncoder(CurrentSlice[Slice]):
    """Holds the current slice, and embeds tiles of it and of others.

    Parameters are those of `Predictor`.
    """

    def __init__(
        self,
        model: ScSAM,
        device: str | torch.device = "auto",
        disk: DiskCache | None = None,
        *,
        fill: bool = True,
        tta: bool = False,
        coarse: bool = False,
    ) -> None:
        self.device = choose_device(str(device))
        self.tta = tta
        self.coarse = coarse
        # Convolutions work in this memory order; other weights are reordered for each tile.
        self.model = model.eval().to(self.device).to(memory_format=torch.channels_last)
        keep_freed_memory()
        self.embeddings = EmbeddingCache()
        self.encoder = TileEncoder(self.model, self.device, disk, fill=fill)
        self.batch_limits = BatchLimits(self.device, self.model.config.tile)

    def prepare(
        self,
        image: ArrayLike,
        voxel_size: Sequence[float] | float | None = None,
        *,
        contrast: Contrast | None = None,
        key: Hashable | None = None,
    ) -> Slice:
        """Check a slice and resample it, for `set_slice` or `embed_steps`.

        Parameters and errors are those of `set_image`.
        """
        pixels = check_slice(np.asarray(image))
        own = self.model.config.own_contrast(pixels.dtype)
        contrast = own or contrast or measure_contrast(pixels)
        zoom = self.zoom_for(voxel_size)
        full_key = embedding_key(pixels, contrast, zoom, key)
        pixel_size = pixel_size_of(voxel_size)
        current = self._slice
        if current is not None and (current.key, current.pixel_size) == (full_key, pixel_size):
            return current
        return resampled_slice(full_key, pixels, contrast, zoom, pixel_size)

    def zoom_for(self, voxel_size: Sequence[float] | float | None) -> tuple[float, float]:
        """Return the model pixels per image pixel, (y, x); 1 when a pixel size is unknown."""
        zoom = zoom_to(self.model.config.nm_per_pixel, voxel_size)
        if self.coarse:
            return not_enlarged(zoom)
        return zoom

    def tiles(self, slice_: Slice | None = None) -> Sequence[Tile]:
        """Return the tiles of a slice, by default the current one."""
        return (slice_ or self.slice).grid(self.batch_limits.tile).tiles

    @property
    def views(self) -> Sequence[AugmentedView]:
        """The views that classes are averaged over."""
        if self.tta:
            return VIEWS
        return (UNCHANGED,)

    def augmented(self, slice_: Slice) -> list[Slice]:
        """Return the slice in each of the `views`, in their order."""
        return [slice_.augmented(view) for view in self.views]

    def embed(self, tile: Tile, slice_: Slice | None = None) -> Embedding:
        """Return the embedding of a tile of a slice, by default the current one."""
        return self._embed(slice_ or self.slice, [tile])

    def _embed(self, slice_: Slice, tiles: Sequence[Tile]) -> Embedding:
        """Return the embedding of B tiles of one size, from memory where it is there."""
        grid = slice_.grid(self.batch_limits.tile)

        def compute(missing: Sequence[int]) -> Embedding:
            return self.encoder.embed(grid, [tiles[i] for i in missing])

        keys = [(slice_.key, tile) for tile in tiles]
        return join_batch(self.embeddings.get(keys, compute))

    def embed_steps(self, slice_: Slice | None = None) -> Steps[None]:
        """Embed a slice, by default the current one; can be closed between two tiles."""
        chosen = slice_ or self.slice
        work = partial(self._embed, chosen)
        return self.batch_limits.steps(lambda: self._tile_steps(chosen, work))

    def cache_steps(self, slice_: Slice | None = None) -> Steps[None]:
        """Write those embeddings of a slice to disk that are not there yet."""
        chosen = slice_ or self.slice

        def work(tiles: Sequence[Tile]) -> None:
            self.encoder.cache(chosen.grid(self.batch_limits.tile), tiles)

        return self.batch_limits.steps(lambda: self._tile_steps(chosen, work))

    def _tile_steps(
        self,
        slice_: Slice,
        work: Callable[[Sequence[Tile]], T],
        take: Callable[[T], object] = lambda _: None,
    ) -> Steps[None]:
        """Work through the tiles of a slice in batches, several of them in parallel.

        Parameters
        ----------
        work
            Called with the tiles of a batch, on any thread.
        take
            Called with each result, on this thread and in order.
        """
        tiles = self.tiles(slice_)
        batch = self.batch_limits.batch
        parallel = self.batch_limits.parallel_tiles
        with parallel_runner(parallel) as run:
            for done in range(0, len(tiles), batch * parallel):
                chunk = tiles[done : done + batch * parallel]
                known = all((slice_.key, tile) in self.embeddings for tile in chunk)
                yield Progress(done, len(tiles), "segmenting" if known else "embedding")
                batches = [chunk[i : i + batch] for i in range(0, len(chunk), batch)]
                for result in run(work, batches):
                    take(result)
