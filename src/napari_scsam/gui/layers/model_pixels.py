"""What the model wrote into each plane, to tell its pixels from the user's.

The model may change a pixel while it holds what the model last wrote there (background at first);
everything else is the user's. Each write is remembered, compressed, so that an undone write is
recognised: none of the pixels that it changed has its value any more.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Packed = tuple[str, bytes]
"""A band of labels: its dtype, and its compressed values."""

REMEMBERED = 16
"""Writes into a plane that can be undone and still be recognised as the model's."""


class ModelPixels:
    """The label maps that the model wrote into one plane, oldest first.

    The plane is cut into bands of rows, so that a big plane can be processed in
    parts; every call must use the same bands. The labels may change their
    dtype, as when they are moved into a project.
    """

    def __init__(self) -> None:
        self._writes: list[list[Packed]] = []

    def last_write_is_gone(self, bands: Iterable[NDArray[Any]]) -> bool:
        """Whether the last write was undone.

        Parameters
        ----------
        bands
            The present labels.
        """
        if not self._writes:
            return False
        return not any(
            self._holds_last_write(number, current) for number, current in enumerate(bands)
        )

    def forget_last_write(self) -> None:
        """Drop the last write, so that the one before it counts."""
        self._writes.pop()

    def band(self, number: int, like: NDArray[Any], *, before: int = 0) -> NDArray[Any]:
        """Return a band of the last write, or of the write `before` it; background if there is none."""
        if before >= len(self._writes):
            return np.zeros_like(like)
        return unpack_band(self._writes[-1 - before][number], like.dtype, like.shape)

    def add_write(
        self, bands: Sequence[Packed], instead: list[Packed] | None = None
    ) -> list[Packed]:
        """Remember a write and return it.

        Parameters
        ----------
        bands
            Its bands, packed by `pack_band`.
        instead
            An earlier write that is undone together with it; replaced if it was the last.
        """
        if self._writes and self._writes[-1] is instead:
            self._writes.pop()
        self._writes = [*self._writes, list(bands)][-REMEMBERED:]
        return self._writes[-1]

    def claim(self, number: int, theirs: NDArray[np.bool_], dtype: Any) -> None:
        """Mark pixels of a band as the user's, whatever the last write put there."""
        if self._writes:
            written = self.band(number, np.empty(theirs.shape, dtype))
            self._writes[-1][number] = pack_band(np.where(theirs, 0, written).astype(dtype))

    def _holds_last_write(self, number: int, current: NDArray[Any]) -> bool:
        newest = self.band(number, current)
        older = self.band(number, current, before=1)
        return bool(np.any((newest != older) & (current == newest)))


def pack_band(band: NDArray[Any]) -> Packed:
    """Compress a band of labels; long runs of one value shrink to almost nothing."""
    return band.dtype.str, zlib.compress(np.ascontiguousarray(band).tobytes(), 1)


def unpack_band(packed: Packed, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a band that `pack_band` compressed, of a shape and in a dtype."""
    stored, values = packed
    band = np.frombuffer(zlib.decompress(values), stored).reshape(shape)
    return band.astype(dtype, copy=False)
