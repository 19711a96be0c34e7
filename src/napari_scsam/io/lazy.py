"""Arrays that stay on disk until a block of them is read."""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.io.read_errors import READ_ERRORS, DamagedPartError, describe_error
from napari_scsam.io.saved.watched import ChangedFileError
from napari_scsam.io.untrusted.sizes import memory_of_machine

FORGOTTEN = 1 << 16
"""Bytes of a window on a mapped file from which on its pages are forgotten."""

PixelBlock: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Source:
    """What a reader found in a file, before it is known to be a volume."""

    array: Any
    """Anything with ``shape``, ``dtype`` and numpy-style slicing."""
    axes: str = ""
    """One letter per axis (``t c z y x``, ``s`` colours, ``q`` and ``i`` unnamed); may be empty."""
    voxel_size: VoxelSize | None = None
    """nm along z, y, x."""
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """nm along z, y, x: the centre of the first voxel."""
    levels: tuple[Any, ...] = ()
    """Coarser copies, finest first, with the same axes."""
    black: float | None = None
    """The value that is shown black, where 0 is shown white; None where 0 is black."""
    palette: npt.NDArray[Any] | None = None
    """(N, 3) colours that the values stand for; None where a value is a grey value."""
    sides: tuple[float | None, float | None, float | None] = (None, None, None)
    """nm along z, y, x of each axis whose size is known, also where another is not."""
    notes: tuple[str, ...] = ()
    """Sentences on what was taken for granted."""
    says_labels: bool = False
    """Whether the metadata say that these are labels."""


def chunk_shape(array: Any) -> tuple[int, ...] | None:
    """Return the shape of the chunks in which an array is stored; None when there are none.

    The blocks of a dask array differ in shape, so it counts as an array without chunks.
    """
    sides = getattr(array, "chunks", None)
    if not isinstance(sides, tuple) or len(sides) != len(array.shape):
        return None
    if not all(isinstance(side, (int, np.integer)) and side > 0 for side in sides):
        return None
    return tuple(map(int, sides))


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

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Shape of the parts that can only be read as a whole; None when there are none."""
        sides = chunk_shape(self._source)
        if sides is None:
            return None
        kept = zip(sides, self._fixed, strict=True)
        return tuple(side for side, index in kept if index is None)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Raise a `UserError`: what is read on demand cannot be edited."""
        raise UserError(
            f"{self._name} is only read from where it is; save a copy, or import it into a project"
        )

    def check(self) -> None:
        """Check that the file is still the one that was opened; nothing else is read.

        Raises
        ------
        ChangedFileError
            When it is gone, or was changed or replaced.
        """
        check = getattr(self._source, "check", None)
        if check is not None:
            check()

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<LazyArray {self._name!r} {self.shape} {self.dtype}>"

    def __getitem__(self, key: Any) -> PixelBlock:
        wanted = iter(self._expand(key))
        index = tuple(next(wanted) if fixed is None else fixed for fixed in self._fixed)
        self._check_index(index)
        try:
            stored = self._source[index]
            block: PixelBlock = np.asarray(stored, dtype=self.dtype)
        except ChangedFileError:
            raise
        except UserError as error:
            raise DamagedPartError(str(error)) from error
        except READ_ERRORS as error:
            raise DamagedPartError(
                f"{self._name} cannot be read at {self._describe(key)}: "
                f"the file is damaged or incomplete ({describe_error(error)})"
            ) from error
        # A read-only block is a window on a mapped file; torch and napari want memory of their own.
        if not block.flags.writeable:
            block = block.copy()
        forget_mapped_pages(stored)
        return block

    def _check_index(self, index: tuple[Any, ...]) -> None:
        """Refuse an index outside of the array, and a block that no memory holds.

        The sizes that a damaged file states may be anything.
        """
        voxels = 1
        for size, part in zip(self._source.shape, index, strict=True):
            if isinstance(part, slice):
                voxels *= len(range(*part.indices(size)))
                continue
            numbers = np.asarray(part)
            voxels *= numbers.size
            if numbers.dtype.kind != "b" and not np.all((numbers >= -size) & (numbers < size)):
                raise IndexError(f"{part} is outside of an axis of {size}")
        nbytes = voxels * self.dtype.itemsize
        if nbytes > memory_of_machine():
            raise UserError(
                f"{self._name} takes {nbytes / 1e9:.0f} GB for what is read at once, more than "
                "the memory of this computer; check its sizes, or choose a smaller part"
            )

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> PixelBlock:
        block = self[...]
        if dtype is None:
            return block
        return block.astype(dtype, copy=False)

    def _describe(self, key: Any) -> str:
        """Return the part of the array in words, by its first axis, e.g. ``slice 3``."""
        first = self._expand(key)[0]
        numbers = np.arange(self.shape[0])[first]
        if self.ndim < 3 or not np.size(numbers):
            return "a part of it"
        low = np.min(numbers)
        high = np.max(numbers)
        return f"slice {low}" if low == high else f"slices {low} to {high}"

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


class InvertedArray:
    """Grey values whose 0 is white, read so that 0 is black.

    Parameters
    ----------
    source
        Anything with ``shape``, ``dtype`` and numpy-style slicing.
    black
        The value that is black in it.
    """

    def __init__(self, source: Any, black: float) -> None:
        self._source = source
        self._black = black
        self.shape = tuple(source.shape)
        self.dtype = np.dtype(source.dtype)
        self.chunks = chunk_shape(source)

    def check(self) -> None:
        """Check that the file is still the one that was opened, as `LazyArray.check` does."""
        check = getattr(self._source, "check", None)
        if check is not None:
            check()

    def __getitem__(self, key: Any) -> PixelBlock:
        block: PixelBlock = np.asarray(self._source[key])
        if block.dtype.kind == "b":
            return ~block
        inverted: PixelBlock = np.subtract(block.dtype.type(self._black), block)
        forget_mapped_pages(block)
        return inverted


def forget_mapped_pages(block: Any) -> None:
    """Take the pages of a mapped file out of the memory of this process, once they were copied.

    They stay in the cache of the system. Otherwise a process seems to need as much memory as the
    file is long, and clusters end such processes.

    Parameters
    ----------
    block
        What was read; nothing happens unless it is a large window on a mapped file.
    """
    owner = block
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if (
        isinstance(owner, mmap.mmap)
        and block.nbytes >= FORGOTTEN
        and hasattr(mmap, "MADV_DONTNEED")
    ):
        owner.madvise(mmap.MADV_DONTNEED)


def checksum(pixels: PixelBlock) -> int:
    """Return a number that differs between arrays of different shape, type or values."""
    header = zlib.crc32(f"{pixels.shape} {pixels.dtype.str}".encode())
    return zlib.crc32(np.ascontiguousarray(pixels).reshape(-1).view(np.uint8).data, header)
