"""Labels on disk that are worked on in memory: what is written here is in the zarr array a moment later.

A brush writes sixty times a second, and a compressed chunk takes tens of
milliseconds to read, change and write, so
painting straight into zarr stutters. Here a chunk that is touched stays in
memory, and a thread writes what changed (see `SavedChunks`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.io.array_keys import Points, Region, parse_key
from napari_scsam.io.saved_chunks import Block, SavedChunks
from napari_scsam.io.zarr_access import ZarrArray

MEMORY = 2**30
"""Bytes of chunks kept; the longest unused go first."""


class SavedArray:
    """Looks like a numpy array that copies on reading; every change is on its way to the disk.

    To be read from any thread, and written from one.

    Parameters
    ----------
    stored
        The array on disk; nobody else may write there.
    memory
        Bytes of chunks to keep.
    """

    def __init__(self, stored: ZarrArray, memory: int = MEMORY) -> None:
        self.shape = tuple(stored.shape)
        self.dtype = np.dtype(stored.dtype)
        self.ndim = len(self.shape)
        self.size = prod(self.shape)
        self._memory = SavedChunks(stored, memory)
        self.chunks = self._memory.sides

    @property
    def stored(self) -> ZarrArray:
        """The array on disk."""
        return self._memory.stored

    @property
    def trouble(self) -> Exception | None:
        """Why the last write failed; None while all is well."""
        return self._memory.trouble

    @property
    def unsaved(self) -> int:
        """The number of chunks that are not on disk yet."""
        return self._memory.unsaved

    @property
    def nbytes(self) -> int:
        """Bytes that it would take in memory as a whole."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        values: NDArray[Any] = self[...]
        return values if dtype is None else values.astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> Any:
        found = parse_key(key, self.shape)
        return (
            self._read_points(found)
            if isinstance(found, Points)
            else found.finish(self._read(found))
        )

    def __setitem__(self, key: Any, value: Any) -> None:
        found = parse_key(key, self.shape)
        if isinstance(found, Region) and not found.contiguous:
            found = found.points()
        if isinstance(found, Points):
            self._write_points(found, np.asarray(value, self.dtype))
        else:
            self._write(
                found,
                np.broadcast_to(np.asarray(value, self.dtype), found.value_shape).reshape(
                    found.shape
                ),
            )
        self._memory.hurry()

    def seed(self, data: NDArray[Any]) -> None:
        """Take over an array of this shape and type as the contents; its memory is used, not copied.

        It must not be changed by others afterwards.

        Raises
        ------
        ValueError
            When it has another shape: its chunks could never be written.
        """
        if data.shape != self.shape:
            raise ValueError(
                f"an array of shape {data.shape} cannot fill one of shape {self.shape}"
            )
        self._memory.seed(data)

    def preload(self) -> None:
        """Read all chunks in the background, if there is room for them: then every view of them is quick."""
        self._memory.preload()

    def move_to(self, stored: ZarrArray) -> None:
        """Go on in another array on disk, a copy of this one."""
        self._memory.move_to(stored)

    def flush(self) -> None:
        """Come back when everything is on disk.

        Raises
        ------
        OSError
            When it cannot be written.
        """
        self._memory.flush()

    def absent(self, key: Any) -> int:
        """Count the voxels that must be fetched from the disk, in whole chunks, before a box can be read."""
        region = parse_key(key, self.shape)
        known = self._memory.known
        blocks = [block for block, *_ in self._parts(region)] if isinstance(region, Region) else []
        return prod(self.chunks) * sum(block not in known for block in blocks)

    def touched(self) -> set[int]:
        """Return the positions along the first axis at which there may be anything but zeros."""
        chunk = self.chunks[0]
        folder = Path(str(self.stored.store_path).removeprefix("file://")) / "c"
        on_disk = {int(name.name) for name in folder.iterdir()} if folder.is_dir() else set()
        blocks = on_disk | {block[0] for block in self._memory.known}
        return {
            z
            for block in blocks
            for z in range(block * chunk, min((block + 1) * chunk, self.shape[0]))
        }

    # Reading and writing in memory

    def _read(self, region: Region) -> NDArray[Any]:
        out = np.empty(region.shape, self.dtype)
        for block, inside, outside in self._parts(region):
            with self._memory.hold(block) as values:
                out[outside] = values[inside]
        return out

    def _write(self, region: Region, value: NDArray[Any]) -> None:
        for block, inside, outside in self._parts(region):
            with self._memory.hold(block) as values:
                values[inside] = value[outside]
                self._memory.mark(block)

    def _read_points(self, points: Points) -> NDArray[Any]:
        out = np.empty(points.shape, self.dtype)
        flat = out.reshape(-1)
        for block, inside, chosen in points.by_block(self.chunks):
            with self._memory.hold(block) as values:
                flat[chosen] = values[inside]
        return out

    def _write_points(self, points: Points, value: NDArray[Any]) -> None:
        flat = np.broadcast_to(value, points.shape).reshape(-1) if value.ndim else value
        for block, inside, chosen in points.by_block(self.chunks):
            with self._memory.hold(block) as values:
                values[inside] = flat[chosen] if value.ndim else flat
                self._memory.mark(block)

    def _parts(
        self, region: Region
    ) -> Iterator[tuple[Block, tuple[slice, ...], tuple[slice, ...]]]:
        """Cut a region at the chunks: each chunk, the part of it, and the part of the region."""
        spans = [
            range(start // c, -(-stop // c))
            for start, stop, c in zip(region.start, region.stop, self.chunks, strict=True)
        ]
        for block in itertools.product(*spans):
            low = [max(s, b * c) for s, b, c in zip(region.start, block, self.chunks, strict=True)]
            high = [
                min(s, (b + 1) * c) for s, b, c in zip(region.stop, block, self.chunks, strict=True)
            ]
            inside = tuple(
                slice(a - b * c, e - b * c)
                for a, e, b, c in zip(low, high, block, self.chunks, strict=True)
            )
            yield (
                block,
                inside,
                tuple(slice(a - s, e - s) for a, e, s in zip(low, high, region.start, strict=True)),
            )
