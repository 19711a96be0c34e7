"""Embeddings on disk, so that a slice seen yesterday, or embedded on a cluster, is at hand today.

One small zarr array for each slice: a chunk is a tile in fp16 with a checksum,
a shard is some tiles in one file. What cannot be read back whole counts as
missing; a disk that is full or read-only ends the keeping, never the work.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from filelock import FileLock
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec

from napari_scsam.config import UserError
from napari_scsam.io.lazy import READ_ERRORS
from napari_scsam.io.zarr_volumes import ZarrArray
from napari_scsam.paths import CACHE_LIMIT_VARIABLE, cache_folder, cache_limit_text

SHARD_BYTES = 16 << 20
"""A tile added to a shard rewrites it, so shards stay small; fewer, larger files are kinder to a cluster's disk."""

TRIM_TO = 0.9
"""Share of the limit that is left when old slices are thrown out; disks are looked over each time half of the rest is written."""

LOCK_SECONDS = 10
"""Waiting longer than this for another process to finish writing a tile, something is wrong with the disk."""

log = logging.getLogger(__name__)

Values = NDArray[np.float16]
"""C×h×w of one tile"""


class DiskCache:
    """Keeps arrays of tiles by the name of their slice, up to a number of bytes.

    Several processes may share a folder: they take turns to write, and files
    are replaced as a whole.

    Parameters
    ----------
    root
        The folder; made when something is first written.
    limit
        Bytes to keep at most; the slices that were longest not used go first.
    """

    def __init__(self, root: Path, limit: int) -> None:
        self.root = root
        self.limit = limit
        self.trouble = ""
        """Why nothing is written any more; empty while all is well."""
        self._unseen = limit
        """Bytes written since the folder was last looked over; at first nobody knows."""

    def get(self, name: str, tile: int, cells: tuple[int, int]) -> Values | None:
        """Return a tile's C×h×w values, h×w of them as `cells` says, or None when they are not there, cut off or damaged."""
        header = self.root / name / "zarr.json"
        if not header.is_file():
            return None
        try:
            values = np.asarray(zarr.open_array(header.parent, mode="r")[tile])
            os.utime(header)
        except READ_ERRORS:
            return None
        whole = (
            values.dtype == np.float16
            and values.shape[1:] == cells
            and bool(np.isfinite(values).all())
        )
        return values if whole else None

    def put(self, name: str, tile: int, tiles: int, values: Values) -> None:
        """Keep one of a slice's `tiles`, C×h×w; after the first failure, which is logged, this does nothing."""
        if self.trouble or values.nbytes > self.limit or not np.isfinite(values).all():
            return
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / ".lock", timeout=LOCK_SECONDS):
                self._write(self.root / name, tile, tiles, values)
                self._unseen += values.nbytes
                if self._unseen > (1 - TRIM_TO) / 2 * self.limit:
                    self._trim()
        except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
            self.trouble = getattr(error, "strerror", None) or str(error)
            log.warning(
                "embeddings are no longer kept in %s (%s); going on without",
                self.root,
                self.trouble,
            )

    def _write(self, folder: Path, tile: int, tiles: int, values: Values) -> None:
        try:
            _open(folder, tiles, values.shape)[tile] = values
        except OSError:
            raise
        except READ_ERRORS:  # what is there is damaged
            shutil.rmtree(folder)
            _open(folder, tiles, values.shape)[tile] = values
        os.utime(folder / "zarr.json")

    def _trim(self) -> None:
        """Throw out slices, the longest unused first, until there is room."""
        found = sorted(
            (used, size, folder)
            for folder in self.root.iterdir()
            if folder.is_dir()
            for used, size in [_weigh(folder)]
        )
        total = sum(size for _, size, _ in found)
        for _, size, folder in found[:-1]:
            if total <= TRIM_TO * self.limit:
                break
            shutil.rmtree(folder, ignore_errors=True)
            total -= size
        self._unseen = 0

    def bytes(self, name: str = "*") -> int:
        """Return the bytes that a slice takes, or all of them."""
        return sum(_weigh(folder)[1] for folder in self.root.glob(name) if folder.is_dir())


def _open(folder: Path, tiles: int, shape: tuple[int, ...]) -> ZarrArray:
    """Open a slice's array for writing; make it when it is not there or is another one."""
    if (folder / "zarr.json").is_file():
        array = zarr.open_array(folder, mode="r+")
        if array.shape == (tiles, *shape) and array.dtype == np.float16:
            return array
    in_shard = max(1, min(tiles, SHARD_BYTES // (2 * int(np.prod(shape)))))
    codecs: Any = [
        BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle", typesize=2),
        Crc32cCodec(),
    ]
    return zarr.create_array(
        folder,
        shape=(tiles, *shape),
        chunks=(1, *shape),
        shards=(in_shard, *shape),
        dtype="float16",
        fill_value=np.nan,  # tells a tile that was never written from one that was
        compressors=codecs,
        overwrite=True,
    )


def _weigh(folder: Path) -> tuple[float, int]:
    """When a slice was last used, and its bytes; it may vanish meanwhile."""
    try:
        stats = {file: file.stat() for file in folder.rglob("*") if file.is_file()}
    except OSError:
        return 0.0, 0
    used = stats.get(folder / "zarr.json")
    return (used.st_mtime if used else 0.0), sum(s.st_size for s in stats.values())


def default_cache() -> DiskCache | None:
    """Return the user's cache, as large as ``NAPARI_SCSAM_CACHE_GB`` says; None when that is 0.

    Raises
    ------
    UserError
        When it is no number of gigabytes.
    """
    text = cache_limit_text()
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < float("inf"):
        raise UserError(
            f"{CACHE_LIMIT_VARIABLE} is {text!r}; set it to the gigabytes that embeddings may take on disk, or 0 for none"
        )
    return DiskCache(cache_folder() / "embeddings", int(gigabytes * 1e9)) if gigabytes else None
