"""Chunks of an array on disk that are changed in memory and written back.

A thread writes what changed, chunk by chunk, each replacing its file as a
whole. A process that is killed loses what was written in the last `DELAY`
seconds, and never half a chunk.

While the array is not on the disk, changes stay in memory, also in chunks whose other voxels are
unknown. They are completed and written when the array is back.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.io.saved.anchored_store import MissingStoreError, UnreadableError
from napari_scsam.io.stored_chunks import ChunkIndex, StoredChunks
from napari_scsam.io.zarr_access import ZarrArray

DELAY = 0.1
"""Seconds between a change and its writing, so that a stroke does not rewrite its chunk each time."""

LATEST = 0.4
"""Seconds after which the next change of labels writes a waiting chunk, on a busy machine …"""

SHARE = 0.02
"""… for at most this many seconds, so that a queue of chunks does not block the window."""

RETRY = 2.0
"""Seconds after which a failed write (a full disk, a lost network drive) is tried again."""

log = logging.getLogger(__name__)

_open: weakref.WeakSet[SavedChunks] = weakref.WeakSet()


class SavedChunks:
    """Chunks by their position; read from any thread, changed from one.

    Parameters
    ----------
    stored
        The array on disk.
    memory
        Bytes to keep; the least recently used chunks are dropped first.
    check
        As in `StoredChunks`.
    """

    def __init__(
        self, stored: ZarrArray, memory: int, check: Callable[[], None] | None = None
    ) -> None:
        self.disk = StoredChunks(stored, check)
        self.sides = self.disk.sides
        self.trouble: Exception | None = None
        """Why the last write failed; None while all is well."""
        self.sealed = ""
        """Why nothing may be changed; empty when it may."""
        self._room = max(1, memory // (prod(self.sides) * np.dtype(stored.dtype).itemsize))
        self._blocks: OrderedDict[ChunkIndex, NDArray[Any]] = OrderedDict()
        self._known: dict[ChunkIndex, NDArray[np.bool_]] = {}
        """Chunks of which only these voxels are in memory, because the array had gone."""
        self._dirty: dict[ChunkIndex, float] = {}
        self._coming: dict[ChunkIndex, object] = {}
        """Chunks that are being fetched and were not changed meanwhile, each with a token of the
        thread that fetches it."""
        self._leaving: ChunkIndex | None = None
        """The chunk that is being written. It is not dropped, because the disk has the old one."""
        self._lock = threading.RLock()
        self._writing = threading.Lock()
        self._writer: threading.Thread | None = None
        _open.add(self)

    @property
    def stored(self) -> ZarrArray:
        """The array on disk."""
        return self.disk.array

    @stored.setter
    def stored(self, array: ZarrArray) -> None:
        """Write into another array from now on."""
        self.disk.array = array

    @property
    def unsaved(self) -> int:
        """The number of chunks that are not on disk yet."""
        return len(self._dirty) + (self._leaving is not None)

    @property
    def known(self) -> set[ChunkIndex]:
        """The chunks in memory."""
        with self._lock:
            return set(self._blocks)

    def all(self) -> Iterator[ChunkIndex]:
        """List the positions of all chunks."""
        return itertools.product(
            *(range(-(-n // c)) for n, c in zip(self.stored.shape, self.sides, strict=True))
        )

    def place(self, block: ChunkIndex) -> tuple[slice, ...]:
        """Return the part of the array that a chunk is."""
        return self.disk.place(block)

    @contextmanager
    def hold(self, block: ChunkIndex, change: Any = None) -> Iterator[NDArray[Any]]:
        """Yield a chunk's own memory, locked for other threads.

        They are not blocked while it is fetched from disk.

        Parameters
        ----------
        block
            Its position.
        change
            The part of it that will be written, and that alone; None to read. While the array has
            gone, this part need not be read first.

        Raises
        ------
        MissingStoreError
            When it must be read, and the array has gone.
        UnreadableError
            When it is damaged.
        """
        found = None
        token = object()
        if change is None:
            self._complete(block)
        if block not in self._blocks:
            self._coming[block] = token
            found = self._fetch_to(block, change)
        with self._lock:
            fresh = self._coming.pop(block, None) is token
            if block not in self._blocks:
                # It may have been changed, written and dropped meanwhile.
                if found is None or not fresh:
                    found = self._fetch_to(block, change)
                if found is None:
                    found = self._blank(block)
                self._blocks[block] = found
            self._blocks.move_to_end(block)
            self._make_room()
            if change is not None and block in self._known:
                self._known[block][change] = True
            yield self._blocks[block]

    def mark(self, block: ChunkIndex) -> None:
        """Note that a chunk was changed, and make sure that a thread writes it."""
        self._dirty.setdefault(block, time.monotonic())
        self._coming.pop(block, None)
        if self._writer is None:
            self._writer = threading.Thread(
                target=self._write_later, name="scsam-save", daemon=True
            )
            self._writer.start()

    def seed(self, data: NDArray[Any]) -> None:
        """Use an array as the contents, without a copy."""
        with self._lock:
            for block in self.all():
                self._known.pop(block, None)
                self._blocks[block] = data[self.place(block)]
                self.mark(block)

    def preload(self) -> None:
        """Fetch all chunks in the background, if they fit into memory."""
        if sum(1 for _ in self.all()) <= self._room:
            threading.Thread(target=self._preload, name="scsam-preload", daemon=True).start()

    def move_to(self, stored: ZarrArray, check: Callable[[], None] | None = None) -> None:
        """Continue in another array on disk, a copy of this one; all chunks in memory are written."""
        with self._writing, self._lock:
            self.disk.open(stored, check)
            self.trouble = None
            for block in self._blocks:
                if not self.sealed:
                    self.mark(block)

    def reset(self, block: ChunkIndex) -> None:
        """Forget a chunk that could not be read, and is no longer on disk."""
        with self._lock:
            self.disk.damaged.pop(block, None)
            self._blocks.pop(block, None)
            self._coming.pop(block, None)

    def probe(self, block: ChunkIndex) -> None:
        """Try to read a chunk that is not in memory; `StoredChunks.damaged` knows if that fails."""
        if block not in self._blocks:
            with suppress(UnreadableError):
                self._fetch(block)

    def hurry(self) -> None:
        """Write chunks that wait too long; after a failure, the thread tries again."""
        start = time.monotonic()
        while (
            self.trouble is None
            and self._oldest() < start - LATEST
            and time.monotonic() < start + SHARE
        ):
            try:
                self._write_oldest(SHARE)
            except Exception as error:  # noqa: BLE001
                self.trouble = error

    def flush(self) -> None:
        """Wait until everything is on disk; raises an `OSError` when it cannot be written."""
        while self.unsaved:
            self._write_oldest()
        self.trouble = None
        with self._lock:
            self._make_room()

    def _fetch(self, block: ChunkIndex) -> NDArray[Any]:
        return self.disk.read(block)

    def _fetch_to(self, block: ChunkIndex, change: Any) -> NDArray[Any] | None:
        """Read a chunk; None when the array has gone, and the chunk need not be known to change."""
        try:
            return self._fetch(block)
        except MissingStoreError:
            if change is None:
                raise
            return None

    def _blank(self, block: ChunkIndex) -> NDArray[Any]:
        """Begin a chunk of which no voxel is known."""
        shape = tuple(part.stop - part.start for part in self.place(block))
        self._known[block] = np.zeros(shape, bool)
        return np.zeros(shape, self.stored.dtype)

    def _complete(self, block: ChunkIndex) -> None:
        """Read the voxels of a chunk that are not known yet."""
        if block not in self._known:
            return
        found = self._fetch(block)
        with self._lock:
            known = self._known.pop(block, None)
            if known is not None:
                self._blocks[block][~known] = found[~known]

    def _preload(self) -> None:
        for block in self.all():
            try:
                with self.hold(block):
                    pass
            except UnreadableError:
                continue
            except MissingStoreError:
                return

    def _make_room(self) -> None:
        excess = len(self._blocks) - self._room
        if excess <= 0:
            return
        needed = {*self._dirty, self._leaving}
        older = list(self._blocks)[:-1]  # the last one is in use
        for block in [block for block in older if block not in needed][:excess]:
            del self._blocks[block]

    def _write_later(self) -> None:
        """Write until nothing is left to write; the thread ends then."""
        while True:
            time.sleep(RETRY if self.trouble else DELAY)
            try:
                self.flush()
            except Exception as error:  # noqa: BLE001  # the labels stay in memory until it works
                self.trouble = error
                continue
            with self._lock:
                if not self._dirty:
                    self._writer = None
                    return

    def _oldest(self) -> float:
        with self._lock:
            return next(iter(self._dirty.values()), np.inf)

    def _write_oldest(self, patience: float = -1) -> None:
        """Write the chunk that waits longest.

        One at a time, so that an older copy of a chunk never follows a newer one.

        Parameters
        ----------
        patience
            Seconds to wait for another thread that writes; -1 waits as long as it takes.
        """
        if not self._writing.acquire(timeout=patience):
            return
        try:
            with self._lock:
                if not self._dirty:
                    return
                block = next(iter(self._dirty))
            self._complete(block)
            with self._lock:
                self._leaving = block
                since = self._dirty.pop(block)
                values = self._blocks[block].copy()
            try:
                self.disk.write(block, values)
            except BaseException:
                with self._lock:
                    self._dirty.setdefault(block, since)
                raise
        finally:
            self._leaving = None
            self._writing.release()


def _flush_all() -> None:
    """Write what is left when the interpreter ends."""
    for chunks in list(_open):
        try:
            chunks.flush()
        except Exception:  # one array that fails must not keep the others from being written
            log.exception("labels could not be written")


# zarr writes with a pool of threads, which is gone when atexit's functions run; this runs earlier.
getattr(threading, "_register_atexit", atexit.register)(_flush_all)
