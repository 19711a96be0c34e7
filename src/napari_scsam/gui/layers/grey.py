"""Images whose three colours are one grey: screenshots, exports of other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Layer

COMPARED = 512
"""Rows and columns of a plane that are compared, evenly spread."""


def is_grey(layer: Layer) -> bool:
    """Whether red, green and blue of an RGB layer are equal; some planes of a stack are read."""
    data = layer.data
    if layer.multiscale:
        data = data[0]
    steps = tuple(slice(None, None, max(1, size // COMPARED)) for size in data.shape[-3:-1])
    planes: list[tuple[int, ...]] = [()]
    if data.ndim > 3:
        depth = data.shape[0]
        planes = [(position,) for position in sorted({0, depth // 2, depth - 1})]
    return all(_has_equal_colours(np.asarray(data[(*plane, *steps)])) for plane in planes)


def _has_equal_colours(pixels: NDArray[Any]) -> bool:
    red = pixels[..., :1]
    return bool((pixels[..., 1:3] == red).all())


class FirstColour:
    """The red of an RGB array as an array of its own; read when it is indexed.

    Parameters
    ----------
    data
        (Y, X, 3 or 4) or (Z, Y, X, 3 or 4), in memory or not.
    """

    def __init__(self, data: Any) -> None:
        self._data = data
        self.shape: tuple[int, ...] = tuple(data.shape[:-1])
        self.dtype: np.dtype[Any] = np.dtype(data.dtype)
        self.ndim = len(self.shape)

    @property
    def size(self) -> int:
        """The number of pixels."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        selection: tuple[Any, ...] = (key,)
        if isinstance(key, tuple):
            selection = key
        if Ellipsis not in selection:
            selection = (*selection, ...)
        return np.asarray(self._data[(*selection, 0)])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self[...], dtype=dtype, copy=copy)
