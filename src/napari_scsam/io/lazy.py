"""Arrays that stay on disk until a block of them is read."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.io.watched import Stamp

Block: TypeAlias = npt.NDArray[Any]

READ_ERRORS = (
    OSError,
    ValueError,
    RuntimeError,
    LookupError,
    TypeError,
    ArithmeticError,
    struct.error,
)
"""What the readers' libraries raise for bytes that make no sense."""


def cannot_open(path: str | Path, error: BaseException) -> UserError:
    """Return the error for a file that its reader does not understand."""
    return UserError(
        f"{path} cannot be opened: it is damaged, incomplete or not what its name says ({error})"
    )


def empty_file(path: Path) -> UserError:
    """Return the error for an empty file."""
    return UserError(f"{path} is an empty file; copy or download it again")


@dataclass(frozen=True, eq=False)
class Source:
    """What a reader found in a file, before it is known to be a volume."""

    array: Any
    """Anything with ``shape``, ``dtype`` and numpy-style slicing."""
    axes: str = ""
    """One letter per axis (``t c z y x``, ``s`` colour samples, ``q`` and ``i`` unnamed).

    Empty when the file does not say."""
    voxel_size: VoxelSize | None = None
    """nm along z, y, x."""
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """nm along z, y, x: the centre of the first voxel."""
    levels: tuple[Any, ...] = ()
    """Coarser copies, finest first, with the same axes."""


class LazyArray:
    """A view of a stored array that leaves out singleton axes and reads on demand.

    Blocks come as writable numpy arrays in the machine's own byte order;
    booleans come as ``uint8``. Reading from several threads is safe.

    Parameters
    ----------
    source
        Anything with ``shape``, ``dtype`` and numpy-style slicing.
    fixed
        For every axis of the source the index to stay at, or `None` to keep the axis.
    name
        What to call the data in error messages.
    """

    def __init__(self, source: Any, fixed: Sequence[int | None], name: str) -> None:
        self._source = source
        self._fixed = tuple(fixed)
        self._name = name
        self.shape = tuple(
            int(size) for size, index in zip(source.shape, fixed, strict=True) if index is None
        )
        dtype = np.dtype(source.dtype)
        self.dtype = np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes that all voxels would take in memory."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<LazyArray {self._name!r} {self.shape} {self.dtype}>"

    def __getitem__(self, key: Any) -> Block:
        wanted = iter(self._expand(key))
        index = tuple(next(wanted) if fixed is None else fixed for fixed in self._fixed)
        try:
            block: Block = np.asarray(self._source[index], dtype=self.dtype)
        except IndexError:
            raise
        except UserError:
            raise
        except READ_ERRORS as error:
            raise UserError(
                f"{self._name} cannot be read at {key}: the file is damaged or incomplete ({error})"
            ) from error
        # A read-only block is a window on a mapped file; torch and napari want memory of their own.
        if block.flags.writeable:
            return block
        return block.copy()

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Block:
        block = self[...]
        if dtype is None:
            return block
        return block.astype(dtype, copy=False)

    def _expand(self, key: Any) -> tuple[Any, ...]:
        """Return one index per axis, also for an ellipsis and for axes that were left out."""
        keys = key
        if not isinstance(key, tuple):
            keys = (key,)
        before = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
        after = keys[before + 1 :]
        free = self.ndim - before - len(after)
        if free < 0:
            raise IndexError(f"{len(keys)} indices for {self.ndim} axes")
        return (*keys[:before], *[slice(None)] * free, *after)


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
        read: Callable[[Path], Block],
        shape: tuple[int, ...],
        dtype: npt.DTypeLike,
    ) -> None:
        self._files = tuple(files)
        self._stamps = tuple(map(Stamp.of, self._files))
        self._read = read
        self.shape = (len(self._files), *shape)
        self.dtype = np.dtype(dtype).newbyteorder("=")

    def __getitem__(self, key: tuple[Any, ...]) -> Block:
        z, *rest = key
        if not isinstance(z, slice):
            plane: Block = self._plane(self._stamps[z])[tuple(rest)]
            return plane
        planes = [self._plane(stamp)[tuple(rest)] for stamp in self._stamps[z]]
        if not planes:
            return np.empty((0, *self.shape[1:]), self.dtype)[:, *rest]
        return np.stack(planes)

    def _plane(self, stamp: Stamp) -> Block:
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
