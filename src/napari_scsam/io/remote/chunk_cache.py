"""Chunks that came over the network, kept on disk within a limit."""

from __future__ import annotations

import hashlib
import os
import struct
from contextlib import suppress
from pathlib import Path
from threading import Lock

import xxhash

from napari_scsam.paths import cache_folder, remote_limit_gb

HEADER = struct.Struct("<8sQ")
"""A mark, and the hash of what follows."""

MARK = b"scsamch1"

KEPT_AFTER_SHRINKING = 0.8
"""Part of the limit that is left when the oldest chunks are removed."""


class ChunkCache:
    """Bytes by a key, in files of a folder. The least recently used ones are removed first.

    What cannot be written is not kept, and what is damaged is not returned. Several processes may
    use one folder.

    Parameters
    ----------
    folder
        Is created when the first bytes are kept.
    limit
        Most bytes; 0 keeps none.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._size: int | None = None
        self._lock = Lock()

    def get(self, key: str) -> bytes | None:
        """Return what was kept; None when nothing was, or it is damaged."""
        path = self._path(key)
        try:
            data = path.read_bytes()
            mark, stored = HEADER.unpack_from(data)
        except (OSError, struct.error):
            return None
        body = data[HEADER.size :]
        if mark != MARK or stored != xxhash.xxh3_64_intdigest(body):
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)
        return body

    def put(self, key: str, body: bytes) -> None:
        """Keep bytes, if the limit and the disk allow it."""
        size = len(body) + HEADER.size
        if size > self.limit:
            return
        path = self._path(key)
        draft = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(HEADER.pack(MARK, xxhash.xxh3_64_intdigest(body)) + body)
            draft.replace(path)
        except OSError:  # a full disk costs the cache, not the image
            with suppress(OSError):
                draft.unlink()
            return
        with self._lock:
            self._grow(size)

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self.folder / name[:2] / name

    def _grow(self, size: int) -> None:
        if self._size is None:
            self._size = sum(taken for _, taken, _ in self._files())
        else:
            self._size += size
        if self._size > self.limit:
            self._shrink()

    def _shrink(self) -> None:
        left = 0
        files = sorted(self._files())
        kept = self.limit * KEPT_AFTER_SHRINKING
        for _, taken, path in reversed(files):
            left += taken
            if left > kept:
                left -= taken
                with suppress(OSError):
                    path.unlink()
        self._size = left

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return time, size and path of each file."""
        found = []
        for path in self.folder.glob("*/*"):
            with suppress(OSError):
                known = path.stat()
                found.append((known.st_mtime, known.st_size, path))
        return found


def default_chunk_cache() -> ChunkCache:
    """Return the cache in the folder and of the size that the user set."""
    return ChunkCache(cache_folder() / "remote", int(remote_limit_gb() * 1e9))
