"""Decoding classes on a slice: tiles are decoded, blended, and averaged over views."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec
from napari_scsam.infer.device import precision, to_host
from napari_scsam.infer.prepared_slice import Slice, resample
from napari_scsam.infer.slice_encoder import SliceEncoder
from napari_scsam.infer.tiling import EMPTY_LOGIT, HALO, Blend, Tile
from napari_scsam.model import Embedding
from napari_scsam.steps import Progress, Steps, as_part

Decode = Callable[[Embedding, Sequence[int], tuple[int, int]], NDArray[np.float32]]
"""Maps of B tiles for K classes, by their rows, of a shape (Y, X): B×K×Y×X."""


def is_flat_tile(grey: NDArray[np.float32], tile: Tile) -> bool:
    """Whether a tile of a slice (Y, X) has one grey value only, as the filling of a stack."""
    part = grey[tile.inside((grey.shape[0], grey.shape[1]))]
    return bool(part.min() == part.max())


def _shows_something(slice_: Slice, tile: Tile) -> bool:
    """Whether a tile is needed, and is not of one grey value."""
    return slice_.needs(tile) and not is_flat_tile(slice_.grey, tile)


class ClassDecoder(SliceEncoder):
    """Decodes the network's classes on slices.

    Parameters are those of `napari_scsam.infer.predictor.Predictor`.
    """

    def network_logits_steps(self, classes: Sequence[ClassSpec]) -> Steps[NDArray[np.float32]]:
        """Compute the network's own logits on the current slice, whatever strokes taught."""
        return self._average_steps(self.slice, classes)

    def _average_steps(
        self, slice_: Slice, classes: Sequence[ClassSpec]
    ) -> Steps[NDArray[np.float32]]:
        """Decode K classes in each view and average their logits, K×Y×X."""
        if not self.tta:
            return (yield from self._decode_steps(slice_, classes))
        average = np.zeros((len(classes), *slice_.shape), np.float32)
        slices = self.augmented(slice_)
        for number, view in enumerate(self.views):
            # Counted again for each view, as tiles are halved when memory runs out.
            counts = [len(self.tiles(each)) for each in slices]
            steps = self._decode_steps(slices[number], classes)
            maps = yield from as_part(steps, sum(counts[:number]), sum(counts))
            maps /= len(slices)
            average += view.back(maps)
        return average

    def _decode_steps(
        self, slice_: Slice, classes: Sequence[ClassSpec]
    ) -> Steps[NDArray[np.float32]]:
        """Decode K classes on all tiles of a slice, K×Y×X; smaller when memory runs out."""
        return self.batch_limits.steps(
            lambda: self._blend_steps(slice_, classes, self.decode, EMPTY_LOGIT)
        )

    def similarity_steps(self, classes: Sequence[ClassSpec]) -> Steps[NDArray[np.float32]]:
        """Compute the similarity of the current slice to K class prototypes, K×Y×X.

        It is what the class prompt is made of: a cosine, -1..1, at the resolution of the
        embedding and enlarged to the slice.
        """
        self.model.config.need_prompts()
        slice_ = self.slice
        return self.batch_limits.steps(lambda: self._blend_steps(slice_, classes, self.compare))

    def _blend_steps(
        self,
        slice_: Slice,
        classes: Sequence[ClassSpec],
        decode: Decode,
        empty: float | None = None,
    ) -> Steps[NDArray[np.float32]]:
        """Decode tiles and blend them, K×Y×X.

        Tiles of one grey value, and those that nobody needs, become `empty` without the network,
        unless it is None.
        """
        blend = Blend(len(classes), slice_.model_shape, HALO)
        rows = [self.model.classes.index(c) for c in classes]

        def work(tiles: Sequence[Tile]) -> list[tuple[Tile, NDArray[np.float32]]]:
            shape = (tiles[0].height, tiles[0].width)
            shown = [t for t in tiles if empty is None or _shows_something(slice_, t)]
            nothing = np.full((len(classes), *shape), empty or 0, np.float32)
            found = [(tile, nothing) for tile in tiles if tile not in shown]
            if shown:
                maps = decode(self._embed(slice_, shown), rows, shape)
                found += zip(shown, maps, strict=True)
            return found

        def take(decoded: Sequence[tuple[Tile, NDArray[np.float32]]]) -> None:
            for tile, maps in decoded:
                blend.add(tile, maps)

        yield from self._tile_steps(slice_, work, take)
        count = len(self.tiles(slice_))
        yield Progress(count, count, "segmenting")
        return resample(blend.result(), slice_.shape)

    @torch.inference_mode()
    def decode(
        self, embedding: Embedding, rows: Sequence[int], shape: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Decode K classes, by their rows, on B tiles of a shape (Y, X): B×K×Y×X logits."""
        with precision(self.device):
            logits = self.model.class_logits(embedding, rows)
        return to_host(self.model.calibrated(logits.float(), rows), shape)

    @torch.inference_mode()
    def compare(
        self, embedding: Embedding, rows: Sequence[int], shape: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Compare B tiles with K prototypes, by their rows: B×K×Y×X."""
        prompt = self.model.class_prompt
        with precision(self.device):
            similarity = prompt.similarity(embedding.fused, prompt.prototypes[list(rows)])
        return to_host(similarity.float(), shape)
