"""Files that are compressed as a whole: ``.gz`` and ``.bz2``.

Such a file cannot be read in parts. So it is unpacked once, into a temporary file, when its first
voxel is needed.
"""

from __future__ import annotations

import bz2
import gzip
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Lock
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError

PIECE = 1 << 22
"""Bytes that are unpacked at a time."""

OPENERS: Mapping[str, Any] = {".gz": gzip.open, ".bz2": bz2.open}
"""By the suffix of a file."""


def is_packed(path: Path) -> bool:
    """Whether a file is compressed as a whole, by its name."""
    return path.suffix.lower() in OPENERS


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file to read its bytes, unpacked where it is compressed."""
    opener = OPENERS.get(path.suffix.lower())
    if opener is None:
        return path.open("rb")
    stream: IO[bytes] = opener(path, "rb")
    return stream


def _pieces(source: IO[bytes], count: int) -> Iterator[bytes]:
    """Yield a number of bytes, piece by piece.

    Raises
    ------
    ValueError
        When there are fewer.
    """
    left = count
    while left:
        piece = source.read(min(PIECE, left))
        if not piece:
            raise ValueError(f"it ends {left} bytes early")
        yield piece
        left -= len(piece)


def copy_exactly(source: IO[bytes], target: IO[bytes], count: int) -> None:
    """Copy a number of bytes; a `ValueError` says that there are fewer."""
    for piece in _pieces(source, count):
        target.write(piece)


def skip(source: IO[bytes], count: int) -> None:
    """Read over a number of bytes; a `ValueError` says that there are fewer."""
    for _ in _pieces(source, count):
        pass


class UnpackedArray:
    """An array in a compressed file, which is unpacked when it is first indexed.

    Parameters
    ----------
    path
        The file.
    offset
        Bytes before the array, when unpacked.
    shape, dtype
        Of the array; no more bytes than it has are unpacked.
    opener
        Opens the file to read its bytes, unpacked; usually as its suffix says.
    """

    def __init__(
        self,
        path: Path,
        offset: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        opener: Callable[[Path], AbstractContextManager[IO[bytes]]] = open_bytes,
    ) -> None:
        self._path = path
        self._open = opener
        self._offset = offset
        self.shape = shape
        self.dtype = dtype
        self._lock = Lock()
        self._unpacked: NDArray[Any] | None = None

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        with self._lock:
            if self._unpacked is None:
                self._unpacked = self._unpack()
        part: NDArray[Any] = self._unpacked[key]
        return part

    def _unpack(self) -> NDArray[Any]:
        nbytes = int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize
        free = shutil.disk_usage(tempfile.gettempdir()).free
        if nbytes > free:
            raise UserError(
                f"{self._path} takes {nbytes / 1e9:.1f} GB when it is unpacked, but the temporary "
                f"folder has {free / 1e9:.1f} GB left; unpack it elsewhere and open the result"
            )
        # The mapped array keeps the file, which has no name, until it is no longer used.
        with tempfile.TemporaryFile() as target, self._open(self._path) as source:
            skip(source, self._offset)
            copy_exactly(source, target, nbytes)
            target.flush()
            return np.memmap(target, self.dtype, "r", shape=self.shape)
