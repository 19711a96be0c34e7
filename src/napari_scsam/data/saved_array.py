"""Labels on disk that are worked on in memory: what is written here is in the zarr array a moment later.

A brush writes sixty times a second, and a compressed chunk takes tens of
milliseconds to read, change and write, so
painting straight into zarr stutters. Here a chunk that is touched stays in
memory; a thread writes what changed, chunk by chunk, each replacing its file
as a whole. A process that is killed loses what was written in the last
`DELAY` seconds, and never half a chunk.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_scsam.data.array_keys import Points, Region, parse_key
from napari_scsam.data.zarr_volumes import ZarrArray

DELAY = 0.1
"""Seconds between a change and its way to the disk, so that a stroke does not rewrite its chunk at every step."""

LATEST = 0.4
"""A chunk that waits longer, because the machine is busy, is written by whoever changes labels next."""

RETRY = 2.0
"""Seconds after which a write that failed (a full disk, a lost network drive) is tried again."""

MEMORY = 2**30
"""Bytes of chunks kept; the longest unused go first."""

Block: TypeAlias = tuple[int, ...]
"""Position of a chunk in the grid of chunks."""

log = logging.getLogger(__name__)

_open: weakref.WeakSet[SavedArray] = weakref.WeakSet()


class SavedArray:
    """Looks like a numpy array that copies on reading; every change is on its way to the disk.

    To be read from any thread, and written from one.

    Parameters
    ----------
    stored
        The array on disk.
    memory
        Bytes of chunks to keep.
    """

    def __init__(self, stored: ZarrArray, memory: int = MEMORY) -> None:
        self.stored = stored
        self.shape = tuple(stored.shape)
        self.dtype = np.dtype(stored.dtype)
        self.ndim, self.size = len(self.shape), prod(self.shape)
        self.chunks = tuple(stored.chunks)
        self.trouble: Exception | None = None
        """Why the last write failed; None while all is well."""
        self._room = max(1, memory // (prod(self.chunks) * self.dtype.itemsize))
        self._blocks: OrderedDict[Block, NDArray[Any]] = OrderedDict()
        self._dirty: dict[Block, float] = {}
        self._lock = threading.RLock()
        self._disk = threading.Lock()
        self._writer: threading.Thread | None = None
        _open.add(self)

    @property
    def nbytes(self) -> int:
        """Bytes that it would take in memory as a whole."""
        return self.size * self.dtype.itemsize

    @property
    def unsaved(self) -> int:
        """The number of chunks that are not on disk yet."""
        return len(self._dirty)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        values: NDArray[Any] = self[...]
        return values if dtype is None else values.astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> Any:
        found = parse_key(key, self.shape)
        return self._read_points(found) if isinstance(found, Points) else found.finish(self._read(found))

    def __setitem__(self, key: Any, value: Any) -> None:
        found = parse_key(key, self.shape)
        if isinstance(found, Region) and not found.contiguous:
            found = found.points()
        if isinstance(found, Points):
            self._write_points(found, np.asarray(value, self.dtype))
        else:
            self._write(found, np.broadcast_to(np.asarray(value, self.dtype), found.value_shape).reshape(found.shape))
        self._hurry()

    def seed(self, data: NDArray[Any]) -> None:
        """Take over an array of this shape and type as the contents; its memory is used, not copied.

        It must not be changed by others afterwards.
        """
        with self._lock:
            for block in itertools.product(*map(range, self._grid)):
                self._blocks[block] = data[self._place(block)]
                self._mark(block)

    def preload(self) -> None:
        """Read all chunks in the background, if there is room for them: then every view of them is quick."""
        if prod(self._grid) <= self._room:
            threading.Thread(target=self._preload, name="scsam-preload", daemon=True).start()

    def move_to(self, stored: ZarrArray) -> None:
        """Go on in another array on disk, a copy of this one; what is in memory is written there again."""
        with self._disk, self._lock:
            self.stored = stored
            for block in self._blocks:
                self._mark(block)

    def touched(self) -> set[int]:
        """Give the positions along the first axis at which there may be anything but zeros."""
        chunk, folder = self.chunks[0], Path(str(self.stored.store_path).removeprefix("file://")) / "c"
        on_disk = {int(name.name) for name in folder.iterdir()} if folder.is_dir() else set()
        with self._lock:
            blocks = on_disk | {block[0] for block in self._blocks}
        return {z for block in blocks for z in range(block * chunk, min((block + 1) * chunk, self.shape[0]))}

    def flush(self) -> None:
        """Come back when everything is on disk.

        Raises
        ------
        OSError
            When it cannot be written.
        """
        self._write_dirty()

    # Reading and writing in memory

    def _read(self, region: Region) -> NDArray[Any]:
        out = np.empty(region.shape, self.dtype)
        with self._lock:
            for block, inside, outside in self._parts(region):
                out[outside] = self._block(block)[inside]
        return out

    def _write(self, region: Region, value: NDArray[Any]) -> None:
        with self._lock:
            for block, inside, outside in self._parts(region):
                self._block(block)[inside] = value[outside]
                self._mark(block)

    def _read_points(self, points: Points) -> NDArray[Any]:
        out = np.empty(points.shape, self.dtype)
        flat = out.reshape(-1)
        with self._lock:
            for block, inside, chosen in points.by_block(self.chunks):
                flat[chosen] = self._block(block)[inside]
        return out

    def _write_points(self, points: Points, value: NDArray[Any]) -> None:
        flat = np.broadcast_to(value, points.shape).reshape(-1) if value.ndim else value
        with self._lock:
            for block, inside, chosen in points.by_block(self.chunks):
                self._block(block)[inside] = flat[chosen] if value.ndim else flat
                self._mark(block)

    def _parts(self, region: Region) -> Iterator[tuple[Block, tuple[slice, ...], tuple[slice, ...]]]:
        """Cut a region at the chunks: each chunk, the part of it, and the part of the region."""
        spans = [range(start // c, -(-stop // c)) for start, stop, c in zip(region.start, region.stop, self.chunks, strict=True)]
        for block in itertools.product(*spans):
            low = [max(s, b * c) for s, b, c in zip(region.start, block, self.chunks, strict=True)]
            high = [min(s, (b + 1) * c) for s, b, c in zip(region.stop, block, self.chunks, strict=True)]
            inside = tuple(slice(a - b * c, e - b * c) for a, e, b, c in zip(low, high, block, self.chunks, strict=True))
            yield block, inside, tuple(slice(a - s, e - s) for a, e, s in zip(low, high, region.start, strict=True))

    @property
    def _grid(self) -> tuple[int, ...]:
        return tuple(-(-n // c) for n, c in zip(self.shape, self.chunks, strict=True))

    def _place(self, block: Block) -> tuple[slice, ...]:
        return tuple(slice(b * c, min((b + 1) * c, n)) for b, c, n in zip(block, self.chunks, self.shape, strict=True))

    def _block(self, block: Block) -> NDArray[Any]:
        """Give a chunk's own memory, reading it if need be; the lock is held."""
        if block in self._blocks:
            self._blocks.move_to_end(block)
        else:
            self._blocks[block] = np.array(self.stored[self._place(block)])
            self._make_room()
        return self._blocks[block]

    def _make_room(self) -> None:
        if (excess := len(self._blocks) - self._room) > 0:
            clean = [old for old in list(self._blocks)[:-1] if old not in self._dirty]
            for old in clean[:excess]:
                del self._blocks[old]

    def _preload(self) -> None:
        for block in itertools.product(*map(range, self._grid)):
            if block not in self._blocks:
                values = np.array(self.stored[self._place(block)])
                with self._lock:
                    self._blocks.setdefault(block, values)

    # The way to the disk

    def _mark(self, block: Block) -> None:
        """Note that a chunk changed, and see that a thread writes it; the lock is held."""
        self._dirty.setdefault(block, time.monotonic())
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_later, name="scsam-save", daemon=True)
            self._writer.start()

    def _write_later(self) -> None:
        """Write until nothing is left to write; the thread ends then."""
        while True:
            time.sleep(RETRY if self.trouble else DELAY)
            try:
                self._write_dirty()
            except Exception as error:  # noqa: BLE001  # whatever the disk or the codec says, the labels stay in memory and it is tried again
                self.trouble = error
                continue
            with self._lock:
                if not self._dirty:
                    self._writer = None
                    return

    def _hurry(self) -> None:
        """Write what waits too long; a disk that fails is left to the thread, which tries it again."""
        limit = time.monotonic() - LATEST
        while self.trouble is None and self._oldest() < limit:
            try:
                self._write_oldest()
            except Exception as error:  # noqa: BLE001
                self.trouble = error

    def _oldest(self) -> float:
        with self._lock:
            return next(iter(self._dirty.values()), np.inf)

    def _write_dirty(self) -> None:
        while self._dirty:
            self._write_oldest()
        self.trouble = None
        with self._lock:
            self._make_room()

    def _write_oldest(self) -> None:
        """Write the chunk that waits longest; one at a time, for an older copy of it must not follow a newer one."""
        with self._disk:
            with self._lock:
                if not self._dirty:
                    return
                block = next(iter(self._dirty))
                since, values = self._dirty.pop(block), self._blocks[block].copy()
            try:
                self.stored[self._place(block)] = values
            except BaseException:
                with self._lock:
                    self._dirty.setdefault(block, since)
                raise


def _flush_all() -> None:
    """Write what is left when the interpreter ends."""
    for array in list(_open):
        try:
            array.flush()
        except OSError:
            log.exception("labels could not be written")


# zarr writes with a pool of threads, which is gone when atexit's functions run; these run before it goes.
getattr(threading, "_register_atexit", atexit.register)(_flush_all)
