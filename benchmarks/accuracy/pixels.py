"""An adapter with which `evaluate` scores segmenters other than ScSAM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_scsam.config import ClassSpec, select_classes
from napari_scsam.infer.postprocess import label_map
from napari_scsam.infer.tiling import HALO, Blend, cut_tile, tile_grid
from napari_scsam.io.contrast import Contrast, normalise

Logits = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Y×X grey values in 0..1 to K×Y×X logits, in which background is 0."""


class Slice:
    """The current slice; its logits are computed once, when first needed.

    Parameters
    ----------
    grey
        Y×X in 0..1.
    answer
        Gives the logits of a tile.
    count
        K.
    tile
        Side of a tile in pixels.
    """

    def __init__(self, grey: NDArray[np.float32], answer: Logits, count: int, tile: int) -> None:
        self.grey = grey
        self.answer = answer
        self.count = count
        self.tile = tile

    @cached_property
    def logits(self) -> NDArray[np.float32]:
        """Logits, K×Y×X, blended from overlapping tiles as in `Predictor`."""
        shape = (self.grey.shape[0], self.grey.shape[1])
        blend = Blend(self.count, shape, HALO)
        for tile in tile_grid(shape, self.tile, HALO):
            blend.add(tile, self.answer(cut_tile(self.grey, tile)))
        return blend.result()


class PixelPredictor:
    """The part of `Predictor` that `evaluate` needs, at the pixel size of training.

    Parameters
    ----------
    classes
        In the order of the logits.
    answer
        Gives the logits of a tile.
    tile
        Side of a tile in pixels.
    """

    def __init__(self, classes: Sequence[ClassSpec], answer: Logits, tile: int) -> None:
        self.classes = tuple(classes)
        self.answer = answer
        self.tile = tile

    def set_image(self, image: ArrayLike, voxel_size: object = None, *, contrast: Contrast) -> None:  # noqa: ARG002 - as Predictor's
        """Set the current slice."""
        self.slice = Slice(
            normalise(np.asarray(image), contrast), self.answer, len(self.classes), self.tile
        )

    def class_logits(self) -> NDArray[np.float32]:
        """Return logits of all classes, K×Y×X."""
        return self.slice.logits

    def segment(self, names: Sequence[str] | None = None) -> NDArray[np.unsignedinteger]:
        """Return class ids, Y×X."""
        return label_map(self.class_logits(), self.classes, select_classes(self.classes, names))
