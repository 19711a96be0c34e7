"""Chunks of an array on disk: read and written one by one, and only where the array was opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_scsam.io.saved.anchored_store import Presence, UnreadableError, anchored
from napari_scsam.io.zarr_access import ZarrArray, folder_of

ChunkIndex: TypeAlias = tuple[int, ...]
"""Position of a chunk in the grid of chunks."""


class StoredChunks:
    """Reads and writes chunks; knows which of them are damaged.

    Parameters
    ----------
    stored
        The array on disk.
    check
        Raises a `MissingStoreError` when what holds the array is not what was opened. Without it,
        the files of the array are compared.
    """

    def __init__(self, stored: ZarrArray, check: Callable[[], None] | None = None) -> None:
        self.sides: ChunkIndex = tuple(getattr(stored, "shards", None) or stored.chunks)
        """Sides of a block that is written as a whole: a shard or a chunk."""
        self.damaged: dict[ChunkIndex, UnreadableError] = {}
        """Chunks that could not be read, and why."""
        self.before_write: Callable[[], None] | None = None
        """Called before each write, which fails when it raises an error."""
        self.open(stored, check)

    def open(self, stored: ZarrArray, check: Callable[[], None] | None) -> None:
        """Continue in another array on disk, a copy of this one."""
        self.array = anchored(stored)
        self._presence = Presence(stored, any_copy=check is not None)
        self._check_holder = check

    def check(self) -> None:
        """Check that the array on disk is the one that was opened.

        Raises
        ------
        MissingStoreError
            When it has gone, or another one is in its place.
        """
        if self._check_holder is not None:
            self._check_holder()
        self._presence.check()

    def place(self, block: ChunkIndex) -> tuple[slice, ...]:
        """Return the part of the array that a chunk is."""
        return tuple(
            slice(b * c, min((b + 1) * c, n))
            for b, c, n in zip(block, self.sides, self.array.shape, strict=True)
        )

    def read(self, block: ChunkIndex) -> NDArray[Any]:
        """Read a chunk; one that the disk does not have is zeros, if its array is there.

        Raises
        ------
        MissingStoreError
            When the array has gone.
        UnreadableError
            When the chunk is damaged.
        """
        try:
            values = np.array(self.array[self.place(block)])
        except Exception as error:  # whatever the disk or a codec raises
            self.check()
            self.damaged[block] = self._unreadable(block, error)
            raise self.damaged[block] from error
        self.check()
        self.damaged.pop(block, None)
        return values

    def write(self, block: ChunkIndex, values: NDArray[Any]) -> None:
        """Replace a chunk, and wait for the disk.

        Raises
        ------
        MissingStoreError
            When the array has gone; nothing is written elsewhere.
        OSError
            When it cannot be written.
        """
        self.check()
        if self.before_write is not None:
            self.before_write()
        self.array[self.place(block)] = values
        self.check()

    def _unreadable(self, block: ChunkIndex, error: Exception) -> UnreadableError:
        why = str(error) or type(error).__name__
        where = describe_place(self.place(block))
        folder = folder_of(self.array)
        return UnreadableError(
            f"the labels in {folder} cannot be read at {where} ({why}); "
            "give up or restore this part"
        )


def describe_place(place: tuple[slice, ...]) -> str:
    """Return the part of an array in words, e.g. ``slice 3`` or ``slices 4 to 7``."""
    if len(place) < 3:
        return "a part of it"
    first = place[0].start
    last = place[0].stop - 1
    if first == last:
        return f"slice {first}"
    return f"slices {first} to {last}"
