"""Read the slices of a volume so that each chunk of its file is read once.

A chunk of 32 slices that is read for each of them is read and decoded 32 times. Here a slab of
slices, as deep as the chunks, is read at once: into memory, or into a temporary file where it is
large. Volumes that are small stay in memory as a whole.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from threading import Lock
from typing import IO, Any

import numpy as np

from napari_scsam.errors import UserError
from napari_scsam.io.lazy import LazyArray, PixelBlock
from napari_scsam.io.saved.watched import ChangedFileError
from napari_scsam.io.volumes import Volume

SLAB_BYTES = 2**28
"""Bytes of slabs that are kept in memory: all of a small volume, else one slab."""

PIECE_BYTES = 2**27
"""About how many bytes of a large slab are read at once, in whole chunks."""


class SlabArray(LazyArray):
    """An array whose chunks are read once while its slices are read in order.

    Other parts than whole slices are read as they are asked for. Reading from several threads is
    safe, one after the other.

    Parameters
    ----------
    stored
        The array, (Y, X) or (Z, Y, X).
    name
        What to call it in error messages.
    kept_bytes
        Most bytes that stay in memory.
    """

    def __init__(self, stored: LazyArray, name: str, kept_bytes: int = SLAB_BYTES) -> None:
        super().__init__(stored, (None,) * stored.ndim, name)
        self._stored = stored
        self._depth = slab_depth(self.shape, self.chunks)
        self._all_kept = self.nbytes <= kept_bytes
        self._kept_bytes = kept_bytes
        self._slabs: dict[int, MemorySlab | FileSlab | None] = {}
        self._lock = Lock()

    def __getitem__(self, key: Any) -> PixelBlock:
        whole = key is Ellipsis and self.ndim == 2
        if not whole and not (isinstance(key, int | np.integer) and self.ndim == 3):
            return super().__getitem__(key)
        z = 0 if whole else range(self.shape[0])[key]
        with self._lock:
            slab = self._slab(z // self._depth)
            if slab is not None:
                self.check()
                return slab.plane(z % self._depth)
        return super().__getitem__(key)

    def close(self) -> None:
        """Release the memory, and remove temporary files."""
        for slab in self._slabs.values():
            if slab is not None:
                slab.close()
        self._slabs.clear()

    def _slab(self, number: int) -> MemorySlab | FileSlab | None:
        """Return a slab; None for slices that are read one by one.

        They are when chunks are one slice deep, part of the slab is damaged, or the disk is full.
        """
        if self._depth == 1 and not self._all_kept:
            return None
        if number not in self._slabs:
            if not self._all_kept:
                self.close()  # before the next one takes memory
            try:
                self._slabs[number] = self._read(number)
            except ChangedFileError:
                raise
            except (UserError, OSError):
                self._slabs[number] = None
        return self._slabs[number]

    def _read(self, number: int) -> MemorySlab | FileSlab:
        first = number * self._depth
        shape = (self._depth, *self.shape[-2:])
        if self.ndim == 2 or self._depth == 1:
            plane = self._stored[...] if self.ndim == 2 else self._stored[first]
            return MemorySlab(plane[None])
        last = min(first + self._depth, self.shape[0])
        slab: MemorySlab | FileSlab
        if prod(shape) * self.dtype.itemsize <= self._kept_bytes:
            slab = MemorySlab(np.empty((last - first, *shape[1:]), self.dtype))
        else:
            slab = FileSlab((last - first, *shape[1:]), self.dtype)
        try:
            for rows, columns in pieces(shape, self.chunks or shape, self.dtype.itemsize):
                slab.fill(rows, columns, self._stored[first:last, rows, columns])
        except BaseException:
            slab.close()
            raise
        return slab


def with_slabs(volume: Volume) -> Volume:
    """Return a volume whose chunks are read once while its slices are read in order.

    An array in memory is returned as it is; so is a folder of slices, each of which is a file that
    is checked when it is read.
    """
    if volume.data.chunks is None and (volume.path is None or volume.path.is_dir()):
        return volume
    name = str(volume.path or volume.name)
    return replace(volume, data=SlabArray(volume.data, name))


def pieces(
    shape: Sequence[int], chunks: Sequence[int], itemsize: int
) -> Iterator[tuple[slice, slice]]:
    """Return rows and columns of parts of a slab (Z, Y, X): whole chunks, of `PIECE_BYTES`."""
    depth, height, width = shape
    down, across = chunks[-2:]
    row_bytes = depth * itemsize * down
    across *= max(1, PIECE_BYTES // (row_bytes * across))
    if across >= width:
        down *= max(1, PIECE_BYTES // (row_bytes * width))
    for y in range(0, height, down):
        for x in range(0, width, across):
            yield slice(y, min(y + down, height)), slice(x, min(x + across, width))


def slab_depth(shape: Sequence[int], chunks: Sequence[int] | None) -> int:
    """Return how many slices chunks are deep; 1 for an array without chunks, or a single slice."""
    if chunks is None or len(shape) == 2:
        return 1
    return max(1, min(chunks[0], shape[0]))


class MemorySlab:
    """A slab of slices in memory."""

    def __init__(self, voxels: PixelBlock) -> None:
        self._voxels = voxels

    def fill(self, rows: slice, columns: slice, voxels: PixelBlock) -> None:
        """Write a part of all its slices, D×Y×X."""
        self._voxels[:, rows, columns] = voxels

    def plane(self, index: int) -> PixelBlock:
        """Return one of its slices."""
        plane: PixelBlock = self._voxels[index]
        return plane.copy()

    def close(self) -> None:
        """Release the memory."""
        self._voxels = np.empty((0, 0, 0), self._voxels.dtype)


class FileSlab:
    """A slab of slices in a temporary file, which is removed when it is closed."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._shape = shape
        self._dtype = dtype
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`

    def fill(self, rows: slice, columns: slice, voxels: PixelBlock) -> None:
        """Write a part of all its slices, D×Y×X."""
        height, width = self._shape[1:]
        itemsize = self._dtype.itemsize
        for index, part in enumerate(voxels):
            for y, row in _runs(part, rows.start, whole=part.shape[1] == width):
                place = (index * height + y) * width + columns.start
                self._file.seek(place * itemsize)
                self._file.write(np.ascontiguousarray(row).data)

    def plane(self, index: int) -> PixelBlock:
        """Read one of its slices."""
        plane = np.empty(self._shape[1:], self._dtype)
        self._file.seek(index * plane.nbytes)
        raw = self._file.read(plane.nbytes)
        plane.reshape(-1).view(np.uint8)[: len(raw)] = np.frombuffer(raw, np.uint8)
        return plane

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


def _runs(part: PixelBlock, first: int, *, whole: bool) -> Iterator[tuple[int, PixelBlock]]:
    """Return what lies together in a slice: all rows where they are whole, else each row."""
    if whole:
        yield first, part
        return
    for offset, row in enumerate(part):
        yield first + offset, row
