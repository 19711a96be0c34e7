"""A stack with one file per slice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scsam.config import UserError
from napari_scsam.io.lazy import PixelBlock
from napari_scsam.io.read_errors import READ_ERRORS, cannot_open
from napari_scsam.io.saved.watched import Stamp


class SliceFiles:
    """A stack with one file per slice, read when asked for.

    Parameters
    ----------
    files
        The slices in order.
    read
        Reads one file to a (Y, X) array.
    shape, dtype
        Of every slice; one that differs raises a `UserError` when it is read, as one that was
        changed since does.
    """

    def __init__(
        self,
        files: Sequence[Path],
        read: Callable[[Path], PixelBlock],
        shape: tuple[int, ...],
        dtype: npt.DTypeLike,
    ) -> None:
        self._files = tuple(files)
        self._stamps = tuple(map(Stamp.of, self._files))
        self._read = read
        self.shape = (len(self._files), *shape)
        self.dtype = np.dtype(dtype).newbyteorder("=")

    def __getitem__(self, key: tuple[Any, ...]) -> PixelBlock:
        z, *rest = key
        if not isinstance(z, slice):
            plane: PixelBlock = self._plane(self._stamps[z])[tuple(rest)]
            return plane
        planes = [self._plane(stamp)[tuple(rest)] for stamp in self._stamps[z]]
        if not planes:
            return np.empty((0, *self.shape[1:]), self.dtype)[:, *rest]
        return np.stack(planes)

    def _plane(self, stamp: Stamp) -> PixelBlock:
        file = stamp.file
        stamp.check()
        try:
            plane = self._read(file)
        except UserError:
            raise
        except READ_ERRORS as error:
            raise cannot_open(file, error) from error
        finally:
            stamp.check()  # a better reason than the error of a library
        if plane.shape != self.shape[1:] or plane.dtype.newbyteorder("=") != self.dtype:
            raise UserError(
                f"{file} is {plane.shape} {plane.dtype}, "
                f"but the first slice of its folder is {self.shape[1:]} {self.dtype}; "
                "keep only slices of one size and type there"
            )
        return plane
