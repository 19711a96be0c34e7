"""Notice that a file goes away, or is replaced, while it is read.

Libraries do not: zarr takes a chunk of a lost store for one that was never written. HDF5 reads
zeros beyond the end of a file that was cut off. A mapped file shows whatever is there now.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore

from napari_scsam.config import UserError
from napari_scsam.io.zarr_access import METADATA_FILES, ZarrArray, folder_of


class ChangedFileError(UserError):
    """A file that was opened is gone, or is another one now."""


@dataclass(frozen=True)
class Stamp:
    """Size and time of a file, as they were when it was opened."""

    file: Path
    """The file whose size and time are compared."""
    name: Path
    """What messages call it; for a zarr array its folder."""
    size: int
    """Bytes."""
    modified: int
    """Nanoseconds since 1970."""

    @classmethod
    def of(cls, file: Path, name: Path | None = None) -> Stamp:
        """Read the stamp of a file.

        Raises
        ------
        ChangedFileError
            When it does not exist.
        """
        shown = name or file
        try:
            found = file.stat()
        except OSError as error:
            raise _gone(shown) from error
        return cls(file, shown, found.st_size, found.st_mtime_ns)

    def check(self) -> None:
        """Check that the file is still the one that was opened.

        Raises
        ------
        ChangedFileError
            When it is gone, or was changed or replaced.
        """
        if Stamp.of(self.file, self.name) != self:
            raise ChangedFileError(
                f"{self.name} was changed or replaced after it was opened; open it again"
            )


def _gone(name: Path) -> ChangedFileError:
    return ChangedFileError(
        f"{name} is no longer there or cannot be reached; put it back, then try again"
    )


class WatchedArray:
    """A stored array that is only read while its file is the one that was opened.

    Parameters
    ----------
    array
        Anything with ``shape``, ``dtype`` and numpy-style slicing.
    stamp
        Of its file.
    """

    def __init__(self, array: Any, stamp: Stamp) -> None:
        self.array = array
        self.stamp = stamp
        self.shape = tuple(array.shape)
        self.dtype = np.dtype(array.dtype)
        self.chunks = getattr(array, "chunks", None)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def check(self) -> None:
        """Check that the file, and others that it reads from, are those that were opened.

        Raises
        ------
        ChangedFileError
            When one is gone, or was changed or replaced.
        """
        self.stamp.check()
        if isinstance(self.array, WatchedArray):
            self.array.check()

    def __getitem__(self, key: Any) -> Any:
        self.stamp.check()
        try:
            return np.asarray(self.array[key])
        finally:
            # What was read counts only if the file was there until the end. It is also a better
            # reason than the error of a library that met the end of the file.
            self.stamp.check()


def watch_others(array: Any, files: Iterable[Path]) -> Any:
    """Return an array that is also watched by other files that its voxels are in.

    Raises
    ------
    ChangedFileError
        When one of them does not exist.
    """
    for file in files:
        array = WatchedArray(array, Stamp.of(file))
    return array


def watch_zarr(array: ZarrArray) -> WatchedArray:
    """Return a zarr array in a folder, watched by its metadata file.

    A chunk that is missing next to this file was never written, and holds the fill value.

    Raises
    ------
    ChangedFileError
        When the folder does not exist.
    """
    folder = folder_of(array)
    return WatchedArray(
        array, Stamp.of(folder / METADATA_FILES[array.metadata.zarr_format], folder)
    )


def watch_if_stored(array: Any) -> Any:
    """Return an array; one that zarr reads from a folder is watched."""
    if isinstance(array, zarr.Array) and isinstance(array.store, LocalStore):
        return watch_zarr(array)
    return array
