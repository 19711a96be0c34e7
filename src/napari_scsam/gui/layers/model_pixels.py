"""What the model wrote into each plane, to tell its pixels from the user's.

The model may change a pixel while it holds what the model last wrote there (background at first);
everything else is the user's. Each write is remembered, compressed, so that an undone write is
recognised: napari's history shows it, or none of the pixels that it changed has its value any more.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_scsam.gui.layers.step_mark import StepMark

Packed = tuple[str, bytes]
"""A band of labels: its dtype, and its compressed values."""

REMEMBERED = 16
"""Writes into a plane that can be undone and still be recognised as the model's."""


@dataclass(eq=False)
class ModelWrite:
    """One write of the model into a plane."""

    bands: list[Packed]
    """The labels of the model after it."""
    step: StepMark | None
    """Its step in the undo history; None where it was not made in this window."""


class ModelPixels:
    """The label maps that the model wrote into one plane, oldest first.

    The plane is cut into bands of rows, so that a big plane can be processed in
    parts; every call must use the same bands. The labels may change their
    dtype, as when they are moved into a project.
    """

    def __init__(self) -> None:
        self._writes: list[ModelWrite] = []

    @property
    def undone(self) -> int:
        """The number of last writes that the undo history shows as undone."""
        count = 0
        for write in reversed(self._writes):
            if write.step is None or not write.step.is_undone():
                break
            count += 1
        return count

    def is_gone(self, bands: Iterable[NDArray[Any]], *, before: int = 0) -> bool:
        """Whether the last write was undone, or the write `before` it.

        Parameters
        ----------
        bands
            The present labels.
        before
            The number of later writes, which are gone.
        """
        if before >= len(self._writes):
            return False
        return before < self.undone or not any(
            self._holds(number, current, before) for number, current in enumerate(bands)
        )

    def forget(self, count: int) -> None:
        """Drop the last writes, so that the one before them counts."""
        del self._writes[len(self._writes) - count :]

    def band(self, number: int, like: NDArray[Any], *, before: int = 0) -> NDArray[Any]:
        """Return a band of the last write, or of the write `before` it; background if there is none."""
        if before >= len(self._writes):
            return np.zeros_like(like)
        return unpack_band(self._writes[-1 - before].bands[number], like.dtype, like.shape)

    def add_write(
        self,
        bands: Sequence[Packed],
        instead: ModelWrite | None = None,
        step: StepMark | None = None,
    ) -> ModelWrite:
        """Remember a write and return it.

        Parameters
        ----------
        bands
            Its bands, packed by `pack_band`.
        instead
            An earlier write that is undone together with it; replaced if it was the last.
        step
            Its step in the undo history.
        """
        if self._writes and self._writes[-1] is instead:
            self._writes.pop()
        self._writes = [*self._writes, ModelWrite(list(bands), step)][-REMEMBERED:]
        return self._writes[-1]

    def claim(self, number: int, theirs: NDArray[np.bool_], dtype: Any) -> None:
        """Mark pixels of a band as the user's, whatever the last write put there."""
        if self._writes:
            written = self.band(number, np.empty(theirs.shape, dtype))
            claimed = np.where(theirs, 0, written).astype(dtype)
            self._writes[-1].bands[number] = pack_band(claimed)

    def _holds(self, number: int, current: NDArray[Any], before: int) -> bool:
        """Whether a band holds a value that a write changed."""
        newer = self.band(number, current, before=before)
        older = self.band(number, current, before=before + 1)
        return bool(np.any((newer != older) & (current == newer)))


def pack_band(band: NDArray[Any]) -> Packed:
    """Compress a band of labels; long runs of one value shrink to almost nothing."""
    return band.dtype.str, zlib.compress(np.ascontiguousarray(band).tobytes(), 1)


def unpack_band(packed: Packed, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a band that `pack_band` compressed, of a shape and in a dtype."""
    stored, values = packed
    band = np.frombuffer(zlib.decompress(values), stored).reshape(shape)
    return band.astype(dtype, copy=False)
