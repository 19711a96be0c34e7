"""Which tiles of a slice a predictor holds in memory."""

from __future__ import annotations

from napari_scsam.infer.predictor import Predictor
from napari_scsam.infer.prepared_slice import Slice


def is_embedded(predictor: Predictor, slice_: Slice | None = None) -> bool:
    """Whether a class on a slice, by default the current one, needs the decoder alone."""
    views = predictor.augmented(slice_ or predictor.slice)
    return all(
        (view.key, tile) in predictor.embeddings for view in views for tile in predictor.tiles(view)
    )
