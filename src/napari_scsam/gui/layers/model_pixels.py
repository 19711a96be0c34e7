"""What the model wrote into each plane, to know the user's pixels from its own.

A pixel is the model's to change while it holds what the model last wrote there
(background at first); everything else is the user's. Writes are remembered one
by one, compressed, so that an undone one is recognised: none of the pixels that
it changed holds its value any more.
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
"""Writes into a plane that can be undone and still be known as the model's."""


class ModelPixels:
    """The label maps that the model wrote into one plane, oldest first.

    The plane is cut into bands of rows, so that a big one can be worked on
    bit by bit; every call must use the same bands. The labels may get another
    dtype, as when a project takes them over.
    """

    def __init__(self) -> None:
        self._writes: list[list[Packed]] = []

    def last_write_is_gone(self, bands: Iterable[NDArray[Any]]) -> bool:
        """Return whether the last write was undone.

        Parameters
        ----------
        bands
            What the labels layer holds now.
        """
        if not self._writes:
            return False
        return not any(
            self._holds_last_write(number, current) for number, current in enumerate(bands)
        )

    def forget_last_write(self) -> None:
        """Drop the last write; the one before it counts."""
        self._writes.pop()

    def band(self, number: int, like: NDArray[Any], *, before: int = 0) -> NDArray[Any]:
        """Return a band of the last write, or of one some writes before it; background where there is none."""
        if before >= len(self._writes):
            return np.zeros_like(like)
        dtype, values = self._writes[-1 - before][number]
        return (
            np.frombuffer(zlib.decompress(values), dtype)
            .reshape(like.shape)
            .astype(like.dtype, copy=False)
        )

    def add_write(
        self, bands: Sequence[Packed], instead: list[Packed] | None = None
    ) -> list[Packed]:
        """Remember a write, its bands packed by `pack`, and give it; it replaces another that it is undone with, if that was the last."""
        if self._writes and self._writes[-1] is instead:
            self._writes.pop()
        self._writes = [*self._writes, list(bands)][-REMEMBERED:]
        return self._writes[-1]

    def claim(self, number: int, theirs: NDArray[np.bool_], dtype: Any) -> None:
        """Call pixels of a band the user's, whatever the last write put there."""
        if self._writes:
            self._writes[-1][number] = pack(
                np.where(theirs, 0, self.band(number, np.empty(theirs.shape, dtype))).astype(dtype)
            )

    def _holds_last_write(self, number: int, current: NDArray[Any]) -> bool:
        newest = self.band(number, current)
        older = self.band(number, current, before=1)
        return bool(np.any((newest != older) & (current == newest)))


def pack(band: NDArray[Any]) -> Packed:
    """Compress a band of labels; long runs of one value shrink to almost nothing."""
    return band.dtype.str, zlib.compress(np.ascontiguousarray(band).tobytes(), 1)
