"""A cache of embeddings on disk, for slices seen before or embedded on a cluster.

Each slice is a small zarr array: a chunk is a tile in fp16 with a checksum, and
a shard holds several tiles in one file. A tile that cannot be read completely
counts as missing. When the disk is full or read-only, caching stops and the work
continues.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from filelock import FileLock
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec

from napari_scsam.config import UserError
from napari_scsam.io.own_files import CHUNKED, foreign_files
from napari_scsam.io.read_errors import READ_ERRORS
from napari_scsam.io.zarr_access import ZarrArray
from napari_scsam.paths import (
    CACHE_LIMIT_VARIABLE,
    DEFAULT_CACHE_GB,
    cache_folder,
    cache_limit_text,
)

SHARD_BYTES = 16 << 20
"""A tile added to a shard rewrites it, so shards are small.

Fewer, larger files would be easier on the disk of a cluster.
"""

TRIM_TO = 0.9
"""Share of the limit that remains when old slices are removed.

The folder is checked each time half of the rest was written.
"""

LOCK_SECONDS = 10
"""When another process takes longer to write a tile, the disk is assumed to have failed."""

log = logging.getLogger(__name__)

TileValues = NDArray[np.float16]
"""C×h×w of one tile."""


class DiskCache:
    """Stores arrays of tiles by the name of their slice, up to a number of bytes.

    Several processes may share a folder: they write one after another, and files
    are replaced as a whole.

    Parameters
    ----------
    root
        The folder; created with the first tile.
    limit
        Most bytes to keep; slices that were not used for longest are removed first.
    """

    def __init__(self, root: Path, limit: int) -> None:
        self.root = root
        self.limit = limit
        self.trouble = ""
        """Why nothing is written any more; empty as long as writing works."""
        # The size of the folder is unknown, so the first tile makes it be checked.
        self._unchecked = limit
        """Bytes written since the size of the folder was last checked."""

    def get(self, name: str, tile: int, cells: tuple[int, int]) -> TileValues | None:
        """Return the C×h×w values of a tile, or None when they are missing or damaged.

        Parameters
        ----------
        name
            Of the slice.
        tile
            Its index in the slice.
        cells
            The expected h and w.
        """
        header = self.root / name / "zarr.json"
        try:
            if not header.is_file():
                return None
            values = np.asarray(zarr.open_array(header.parent, mode="r")[tile])
            os.utime(header)
        except READ_ERRORS:
            return None
        if values.dtype != np.float16 or values.shape[1:] != cells:
            return None
        if not np.isfinite(values).all():
            return None
        return values

    def put(self, name: str, tile: int, tiles: int, values: TileValues) -> None:
        """Write one of the `tiles` of a slice, C×h×w.

        The first failure is logged; after it, this does nothing.
        """
        if self.trouble or values.nbytes > self.limit or not np.isfinite(values).all():
            return
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / ".lock", timeout=LOCK_SECONDS):
                self._write(self.root / name, tile, tiles, values)
                self._unchecked += values.nbytes
                if self._unchecked > (1 - TRIM_TO) / 2 * self.limit:
                    self._trim()
        except (OSError, NotImplementedError) as error:  # not implemented: no locks on this disk
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.trouble = getattr(error, "strerror", None) or str(error)
        log.warning(
            "embeddings are no longer kept in %s (%s); continuing without",
            self.root,
            self.trouble,
        )

    def _write(self, folder: Path, tile: int, tiles: int, values: TileValues) -> None:
        try:
            _open_array(folder, tiles, values.shape)[tile] = values
        except OSError:
            raise
        except READ_ERRORS:  # the array is damaged, or zarr has ended
            if not threading.main_thread().is_alive():
                return  # Python ends; the tile is embedded again when it is needed
            if not is_tile_array(folder):
                raise OSError(errno.EEXIST, "not written by this program", str(folder)) from None
            shutil.rmtree(folder)
            _open_array(folder, tiles, values.shape)[tile] = values
        os.utime(folder / "zarr.json")

    def _trim(self) -> None:
        """Remove slices, those unused for longest first, until there is room."""
        folders = [folder for folder in self.root.iterdir() if is_tile_array(folder)]
        found = sorted((*_usage(folder), folder) for folder in folders)
        total = sum(size for _, size, _ in found)
        for _, size, folder in found[:-1]:
            if total <= TRIM_TO * self.limit:
                break
            shutil.rmtree(folder, ignore_errors=True)
            total -= size
        self._unchecked = 0

    def bytes(self, name: str = "*") -> int:
        """Return the size of a slice, or of all slices, on disk."""
        return sum(_usage(folder)[1] for folder in self.root.glob(name) if folder.is_dir())


def is_tile_array(folder: Path) -> bool:
    """Whether a folder is an array of tiles that this cache wrote, and holds nothing else."""
    try:
        header = json.loads((folder / "zarr.json").read_bytes())
        tiles = header["data_type"] == "float16" and header["fill_value"] == "NaN"
    except FileNotFoundError:
        return False
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        tiles = True  # damaged, and in the way of its slice
    known = (CHUNKED, r"(.*/)?[^/]*\.partial")
    return tiles and not folder.is_symlink() and not foreign_files(folder, known)


def _open_array(folder: Path, tiles: int, shape: tuple[int, ...]) -> ZarrArray:
    """Open the array of a slice for writing; create it when it is missing or of another form."""
    if (folder / "zarr.json").is_file():
        array = zarr.open_array(folder, mode="r+")
        if array.shape == (tiles, *shape) and array.dtype == np.float16:
            return array
    return _create_array(folder, tiles, shape)


def _create_array(folder: Path, tiles: int, shape: tuple[int, ...]) -> ZarrArray:
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
        fill_value=np.nan,  # marks tiles that were never written
        compressors=codecs,
        overwrite=True,
    )


def _usage(folder: Path) -> tuple[float, int]:
    """Return when a slice was last used, and its bytes; 0 and 0 if it was just removed."""
    try:
        stats = {file: file.stat() for file in folder.rglob("*") if file.is_file()}
    except OSError:
        return 0.0, 0
    size = sum(s.st_size for s in stats.values())
    header = stats.get(folder / "zarr.json")
    if header is None:
        return 0.0, size
    return header.st_mtime, size


def default_cache(gigabytes: float = DEFAULT_CACHE_GB) -> DiskCache | None:
    """Return the user's cache, of the size in ``NAPARI_SCSAM_CACHE_GB``; None when that is 0.

    Parameters
    ----------
    gigabytes
        Its size where the variable is not set.

    Raises
    ------
    UserError
        When it is not a number of gigabytes.
    """
    limit = _limit_in_gigabytes(cache_limit_text(gigabytes))
    if not limit:
        return None
    return DiskCache(cache_folder() / "embeddings", int(limit * 1e9))


def _limit_in_gigabytes(text: str) -> float:
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < float("inf"):
        raise UserError(
            f"{CACHE_LIMIT_VARIABLE} is {text!r}; "
            f"set it to the size of the cache in gigabytes, or to 0 for no cache"
        )
    return gigabytes
