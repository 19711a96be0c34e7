"""Images whose three colours are one grey: screenshots, exports of other programs."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.io.lazy import LazyArray

if TYPE_CHECKING:
    from napari.layers import Layer

COMPARED = 512
"""Rows and columns of a plane that are compared, evenly spread."""

PLANES = 9
"""Planes of a stack that are read at most."""


def is_grey(layer: Layer) -> bool:
    """Whether red, green and blue of an RGB layer are equal; some planes of a stack are read."""
    data = layer.data
    if layer.multiscale:
        data = data[0]
    steps = tuple(slice(None, None, max(1, size // COMPARED)) for size in data.shape[-3:-1])
    ends = [sorted({0, depth // 2, depth - 1}) for depth in data.shape[:-3]]
    planes = list(product(*ends))[:PLANES]
    return all(_has_equal_colours(np.asarray(data[(*plane, *steps)])) for plane in planes)


def _has_equal_colours(pixels: NDArray[Any]) -> bool:
    red = pixels[..., :1]
    return bool((pixels[..., 1:3] == red).all())


def first_colour(data: Any, name: str) -> Any:
    """Return the red of an RGB array as an array of its own, read when it is indexed.

    Parameters
    ----------
    data
        (…, Y, X, 3 or 4), in memory or not.
    name
        What to call it in error messages.
    """
    if isinstance(data, np.ndarray):
        return data[..., 0]
    return LazyArray(data, (*[None] * (data.ndim - 1), 0), name)
