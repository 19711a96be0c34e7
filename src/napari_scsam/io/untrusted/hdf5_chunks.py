"""HDF5 data sets whose chunks are measured before they are read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from math import prod
from typing import Any

import h5py
import numpy as np

from napari_scsam.io.untrusted.sizes import DEFLATE_RATIO, HARMLESS, check_inflated_size

CHECKSUM = 64
"""Bytes by which a filter after the compression may lengthen a chunk, and more."""

FLETCHER32 = 4
"""Bytes of that checksum. In shorter chunks libhdf5 looks for it before their start, and crashes."""

KEEPS_SIZE = frozenset((h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32))
"""Filters that do not compress."""


class CheckedDataset:
    """A data set that refuses a chunk of a size that cannot be right.

    libhdf5 takes what is missing of a short chunk from memory that is not the file's.

    Parameters
    ----------
    dataset
        With chunks.
    """

    def __init__(self, dataset: h5py.Dataset) -> None:
        self._dataset = dataset
        self.shape = dataset.shape
        self.dtype = dataset.dtype
        self.chunks = dataset.chunks
        self._sides: tuple[int, ...] = dataset.chunks
        self._bytes: int = prod(self._sides) * dataset.id.get_type().get_size()
        self._limit = self._bytes + CHECKSUM
        created = dataset.id.get_create_plist()
        self._filters = [created.get_filter(n)[0] for n in range(created.get_nfilters())]
        self._largest = 0
        self._short: dict[tuple[int, ...], int] | None = None
        """Bytes of the chunks that are too short, by their first voxel; None before it is known."""

    def __getitem__(self, key: Any) -> Any:
        short = self._list_chunks()
        inflates = self._deflated and self._largest * DEFLATE_RATIO > HARMLESS
        if short or inflates:
            for place in self._places(key):
                if place in short:
                    raise ValueError(f"a chunk has only {short[place]} bytes on disk")
                if inflates:
                    self._check(place)
        return self._dataset[key]

    @property
    def _deflated(self) -> bool:
        return h5py.h5z.FILTER_DEFLATE in self._filters

    def _list_chunks(self) -> dict[tuple[int, ...], int]:
        """Return the chunks that are too short; all are listed once.

        A damaged index may name a chunk twice, and libhdf5 then finds the one or the other.
        """
        if self._short is None:
            found: dict[tuple[int, ...], int] = {}
            largest = [0]
            everything = self._least(0)

            def look(chunk: Any) -> None:
                least = self._least(chunk.filter_mask) if chunk.filter_mask else everything
                if chunk.size < least:
                    found[chunk.chunk_offset] = chunk.size
                largest[0] = max(largest[0], chunk.size)

            self._dataset.id.chunk_iter(look)
            self._largest = largest[0]
            self._short = found
        return self._short

    def _least(self, mask: int) -> int:
        """Return the fewest bytes of a chunk that left out the filters of a mask."""
        used = [f for n, f in enumerate(self._filters) if not mask >> n & 1]
        sums: int = FLETCHER32 * used.count(h5py.h5z.FILTER_FLETCHER32)
        if KEEPS_SIZE.issuperset(used):
            return sums + self._bytes
        return sums + 1

    def _check(self, place: tuple[int, ...]) -> None:
        try:
            skipped, data = self._dataset.id.read_direct_chunk(place)
        except RuntimeError:  # it was never written, and holds the fill value
            return
        if skipped and len(data) <= self._limit:
            return  # it did not become shorter, and was stored as it is
        check_inflated_size("zlib", data, self._limit)

    def _places(self, key: Any) -> Iterator[tuple[int, ...]]:
        """Yield the first voxel of each chunk that an index touches."""
        parts = []
        for size, side, part in zip(self.shape, self._sides, key, strict=True):
            wanted = np.arange(size)[part]
            if not wanted.size:
                return
            first = int(wanted.min())
            parts.append(range(first - first % side, int(wanted.max()) + 1, side))
        yield from itertools.product(*parts)


def check_hdf5_chunks(dataset: h5py.Dataset) -> Any:
    """Return a data set; the chunks of one that has them are measured before they are read."""
    if dataset.chunks is None:
        return dataset
    return CheckedDataset(dataset)
