"""The blocks of a data set of N5; https://github.com/saalfeldlab/n5#file-system-specification."""

from __future__ import annotations

import asyncio
import bz2
import lzma
import struct
import zlib
from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from zarr.abc.store import Store
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from napari_scsam.io.saved.watched import ChangedFileError
from napari_scsam.io.untrusted.sizes import check_inflated_size, memory_of_machine

KINDS: Mapping[str, str] = {
    "gzip": "gzip",
    "bzip2": "bz2",
    "xz": "lzma",
    "blosc": "blosc",
    "zstd": "zstd",
}
"""Compressions by the name in N5, as `check_inflated_size` calls them."""

TYPES = (
    *("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float32", "float64"),
)

HEADER = struct.Struct(">2H")
"""Mode and number of axes of a block."""

MOST_AXES = 5


class N5Array:
    """A data set of an N5, read block by block.

    Parameters
    ----------
    store
        With its files.
    name
        Its path in the store.
    attributes
        Its own.

    Raises
    ------
    ValueError
        When they make no sense, or the compression or type is not a known one.
    """

    def __init__(self, store: Store, name: str, attributes: Mapping[str, Any]) -> None:
        self._store = store
        self._name = name
        self.shape = _sizes(attributes["dimensions"])
        self.chunks = _sizes(attributes["blockSize"])
        kind = str(attributes["dataType"])
        if kind not in TYPES or len(self.chunks) != len(self.shape):
            raise ValueError(f"its type {kind!r} or its blocks are not supported")
        self.dtype = np.dtype(kind)
        compression = attributes.get("compression", attributes.get("compressionType", "raw"))
        if not isinstance(compression, dict):
            compression = {"type": compression}
        self._compression = str(compression.get("type"))
        if self._compression not in (*KINDS, "raw"):
            raise ValueError(f"its compression {self._compression!r} is not supported; use gzip")
        self._limit = prod(self.chunks) * self.dtype.itemsize
        if self._limit > memory_of_machine():
            raise ValueError(f"a block of it takes {self._limit} bytes")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[Any]:
        wanted = [np.arange(size)[part] for size, part in zip(self.shape, key, strict=True)]
        if not all(axis.size for axis in wanted):
            return np.empty([axis.size for axis in wanted if axis.ndim], self.dtype)
        low = [int(axis.min()) for axis in wanted]
        box = np.zeros(
            [int(axis.max()) - first + 1 for axis, first in zip(wanted, low, strict=True)],
            self.dtype,
        )
        sync(self._fill(box, low))
        inside = [axis - first for axis, first in zip(wanted, low, strict=True)]
        cut: NDArray[Any] = box[np.ix_(*map(np.atleast_1d, inside))]
        return cut.reshape([axis.size for axis in wanted if axis.ndim])

    async def _fill(self, box: NDArray[Any], low: Sequence[int]) -> None:
        """Read all blocks of a box whose first voxel is at `low`, a few at a time."""
        spans = [
            range(first // side, (first + size - 1) // side + 1)
            for first, size, side in zip(low, box.shape, self.chunks, strict=True)
        ]
        limit = asyncio.Semaphore(8)

        async def one(place: tuple[int, ...]) -> None:
            async with limit:
                block = await self._block(place)
            if block is not None:
                _paste(box, low, block, [p * c for p, c in zip(place, self.chunks, strict=True)])

        await asyncio.gather(*(one(place) for place in product(*spans)))

    async def _block(self, place: tuple[int, ...]) -> NDArray[Any] | None:
        """Return a block; None for one that was never written."""
        key = "/".join([*filter(None, [self._name]), *map(str, reversed(place))])
        found = await self._store.get(key, default_buffer_prototype())
        if found is None:
            return None
        try:
            return self._decode(found.to_bytes())
        except ChangedFileError:
            raise
        except (ValueError, struct.error, zlib.error, lzma.LZMAError, OSError, EOFError) as error:
            raise ValueError(f"its block {key} is damaged ({error})") from error

    def _decode(self, data: bytes) -> NDArray[Any]:
        mode, ndim = HEADER.unpack_from(data)
        if mode not in (0, 1) or ndim != self.ndim:
            raise ValueError(f"it has the mode {mode} and {ndim} axes")
        sizes = struct.unpack_from(f">{ndim}I", data, HEADER.size)[::-1]
        start = HEADER.size + 4 * ndim
        if mode == 1:
            start += 4
        if any(not 0 < size <= side for size, side in zip(sizes, self.chunks, strict=True)):
            raise ValueError(f"it states the size {sizes}")
        raw = self._decompress(data[start:])
        nbytes = prod(sizes) * self.dtype.itemsize
        if len(raw) != nbytes:
            raise ValueError(f"it holds {len(raw)} bytes instead of {nbytes}")
        voxels = np.frombuffer(raw, self.dtype.newbyteorder(">"))
        return voxels.reshape(sizes).astype(self.dtype)

    def _decompress(self, data: bytes) -> bytes:
        if self._compression == "raw":
            return data
        check_inflated_size(KINDS[self._compression], data, self._limit)
        if self._compression == "gzip":
            return zlib.decompress(data, zlib.MAX_WBITS | 32)  # gzip or zlib, as its header says
        if self._compression == "bzip2":
            return bz2.decompress(data)
        if self._compression == "xz":
            return lzma.decompress(data)
        import numcodecs

        codec = numcodecs.Blosc() if self._compression == "blosc" else numcodecs.Zstd()
        return bytes(codec.decode(data))


def _sizes(values: Any) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in reversed(values))
    if not 2 <= len(sizes) <= MOST_AXES or min(sizes) < 1:
        raise ValueError(f"its metadata state the size {sizes}")
    return sizes


def _paste(
    box: NDArray[Any], low: Sequence[int], block: NDArray[Any], place: Sequence[int]
) -> None:
    """Copy the part of a block that lies in a box; both places are of their first voxels."""
    into = []
    out_of = []
    for first, size, start, side in zip(low, box.shape, place, block.shape, strict=True):
        begin = max(first, start)
        end = min(first + size, start + side)
        into.append(slice(begin - first, max(begin, end) - first))
        out_of.append(slice(begin - start, max(begin, end) - start))
    box[tuple(into)] = block[tuple(out_of)]
