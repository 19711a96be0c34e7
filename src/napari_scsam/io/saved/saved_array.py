"""Labels that are changed in memory and are on disk a moment later.

A brush writes sixty times a second. A compressed chunk takes tens of milliseconds to read, change
and write, so painting straight into zarr stutters. Here a chunk that is touched stays in memory,
and a thread writes what changed (see `SavedChunks`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.io.saved.anchored_store import UnreadableError
from napari_scsam.io.saved.array_keys import BoxKey, VoxelKey, parse_key
from napari_scsam.io.saved.saved_chunks import SavedChunks
from napari_scsam.io.stored_chunks import ChunkIndex
from napari_scsam.io.zarr_access import ZarrArray, folder_of

MEMORY = 2**30
"""Bytes of chunks in memory; the least recently used are dropped first."""


class SavedArray:
    """Behaves like a numpy array that copies on reading; every change is written to disk soon.

    It may be read from any thread, and written from one.

    Parameters
    ----------
    stored
        The array on disk; only this object may write to it.
    memory
        Bytes of chunks to keep.
    check
        As in `StoredChunks`.
    """

    def __init__(
        self,
        stored: ZarrArray,
        memory: int = MEMORY,
        check: Callable[[], None] | None = None,
    ) -> None:
        self._describe(stored)
        self._memory = SavedChunks(stored, memory, check)
        self.chunks = self._memory.sides
        self.gaps = False
        """Whether boxes, which are shown, have zeros where a chunk cannot be read.

        Single voxels, which are read before they are changed, always raise an error there. So
        nothing is ever written over a chunk that cannot be read."""

    def _describe(self, stored: Any) -> None:
        shape: tuple[int, ...] = tuple(stored.shape)
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(stored.dtype)
        self.ndim = len(shape)
        self.size = prod(shape)

    @property
    def stored(self) -> ZarrArray:
        """The array on disk."""
        return self._memory.stored

    @property
    def trouble(self) -> Exception | None:
        """Why the last write failed; None while all is well."""
        return self._memory.trouble

    @property
    def damaged(self) -> Mapping[ChunkIndex, UnreadableError]:
        """The chunks that could not be read so far, and why."""
        return dict(self._memory.disk.damaged)

    def place(self, block: ChunkIndex) -> tuple[slice, ...]:
        """Return the part of the array that a chunk is."""
        return self._memory.place(block)

    def seal(self, why: str) -> None:
        """Refuse every change from now on, with this sentence."""
        self._memory.sealed = why

    def write_after(self, step: Callable[[], None]) -> None:
        """Call a function before each write to disk, which waits when it raises an error."""
        self._memory.disk.before_write = step

    def reset(self, block: ChunkIndex) -> None:
        """Take a chunk that could not be read, and is no longer on disk, for zeros."""
        self._memory.reset(block)

    def shown(self) -> SavedArray:
        """Return the same array for a window, see `gaps`."""
        return ArrayView(self._memory, gaps=True)

    def strict(self) -> SavedArray:
        """Return the same array; reading what cannot be read is always an error."""
        return ArrayView(self._memory, gaps=False)

    @property
    def unsaved(self) -> int:
        """The number of chunks that are not on disk yet."""
        return self._memory.unsaved

    @property
    def nbytes(self) -> int:
        """Bytes that the whole array takes in memory."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        values: NDArray[Any] = self[...]
        if dtype is None:
            return values
        return values.astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> Any:
        found = parse_key(key, self.shape)
        if isinstance(found, VoxelKey):
            return self._read_points(found)
        return found.finish(self._read(found))

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._memory.sealed:
            raise UserError(self._memory.sealed)
        found = parse_key(key, self.shape)
        if isinstance(found, BoxKey) and not found.contiguous:
            found = found.points()
        values = np.asarray(value, self.dtype)
        if isinstance(found, VoxelKey):
            self._write_points(found, values)
        else:
            whole = np.broadcast_to(values, found.value_shape)
            self._write(found, whole.reshape(found.shape))
        self._memory.hurry()

    def seed(self, data: NDArray[Any]) -> None:
        """Use an array of this shape and type as the contents, without a copy.

        Nothing else may change it afterwards.

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
        """Read all chunks in the background, if they fit into memory."""
        self._memory.preload()

    def move_to(self, stored: ZarrArray, check: Callable[[], None] | None = None) -> None:
        """Continue in another array on disk, a copy of this one."""
        self._memory.move_to(stored, check)

    def flush(self) -> None:
        """Wait until everything is on disk.

        Raises
        ------
        OSError
            When it cannot be written.
        """
        self._memory.flush()

    def absent(self, key: Any) -> int:
        """Return the number of voxels, in whole chunks, to fetch from disk for reading a box."""
        region = parse_key(key, self.shape)
        if not isinstance(region, BoxKey):
            return 0
        known = self._memory.known
        missing = sum(block not in known for block, *_ in self._parts(region))
        return prod(self.chunks) * missing

    def touched(self, axis: int = 0) -> set[int]:
        """Return the positions along an axis at which there may be anything but zeros."""
        side = self.chunks[axis]
        blocks = {block[axis] for block in self._memory.known} | self._indices_on_disk(axis)
        positions = (range(b * side, min((b + 1) * side, self.shape[axis])) for b in blocks)
        return set(itertools.chain.from_iterable(positions))

    def _indices_on_disk(self, axis: int) -> set[int]:
        """Return the positions of stored chunks along an axis: zarr's folder names."""
        folder = folder_of(self.stored) / "c"
        found = list(folder.glob("/".join("*" * (axis + 1))))
        self._memory.disk.check()  # a folder that has gone lists nothing
        return {int(path.name) for path in found if path.name.isdecimal()}

    def blocks_on_disk(self) -> list[ChunkIndex]:
        """List the chunks that are stored."""
        folder = folder_of(self.stored) / "c"
        files = list(folder.glob("/".join("*" * self.ndim)))
        self._memory.disk.check()
        found = (path.relative_to(folder).parts for path in files)
        return sorted(tuple(map(int, parts)) for parts in found if "".join(parts).isdecimal())

    def probe(self, block: ChunkIndex) -> None:
        """Try to read a chunk; it is in `damaged` afterwards if that fails."""
        self._memory.probe(block)

    def file_of(self, block: ChunkIndex) -> Path:
        """Return the file of a chunk."""
        return folder_of(self.stored).joinpath("c", *map(str, block))

    # Reading and writing in memory

    def _read(self, region: BoxKey) -> NDArray[Any]:
        out = np.zeros(region.shape, self.dtype)
        for block, inside, outside in self._parts(region):
            try:
                with self._memory.hold(block) as values:
                    out[outside] = values[inside]
            except UnreadableError:
                if not self.gaps:
                    raise
        return out

    def _write(self, region: BoxKey, value: NDArray[Any]) -> None:
        for block, inside, outside in self._parts(region):
            with self._memory.hold(block, inside) as values:
                values[inside] = value[outside]
                self._memory.mark(block)

    def _read_points(self, points: VoxelKey) -> NDArray[Any]:
        out = np.empty(points.shape, self.dtype)
        flat = out.reshape(-1)
        for block, inside, chosen in points.by_block(self.chunks):
            with self._memory.hold(block) as values:
                flat[chosen] = values[inside]
        return out

    def _write_points(self, points: VoxelKey, value: NDArray[Any]) -> None:
        flat = np.broadcast_to(value, points.shape).reshape(-1)
        for block, inside, chosen in points.by_block(self.chunks):
            with self._memory.hold(block, inside) as values:
                values[inside] = flat[chosen]
                self._memory.mark(block)

    def _parts(
        self, region: BoxKey
    ) -> Iterator[tuple[ChunkIndex, tuple[slice, ...], tuple[slice, ...]]]:
        """Cut a region at the borders of chunks.

        Yields
        ------
        block
            The position of a chunk.
        inside
            The part of the chunk.
        outside
            The same part in the region.
        """
        spans = [
            range(start // side, -(-stop // side))
            for start, stop, side in zip(region.start, region.stop, self.chunks, strict=True)
        ]
        for block in itertools.product(*spans):
            inside = []
            outside = []
            axes = zip(region.start, region.stop, block, self.chunks, strict=True)
            for start, stop, position, side in axes:
                low = max(start, position * side)
                high = min(stop, (position + 1) * side)
                inside.append(slice(low - position * side, high - position * side))
                outside.append(slice(low - start, high - start))
            yield block, tuple(inside), tuple(outside)


class ArrayView(SavedArray):
    """The same chunks as another saved array, read with or without gaps.

    Parameters
    ----------
    memory
        The chunks of the array.
    gaps
        As in `SavedArray.gaps`.
    """

    def __init__(self, memory: SavedChunks, *, gaps: bool) -> None:
        self._describe(memory.stored)
        self._memory = memory
        self.chunks = memory.sides
        self.gaps = gaps
