"""HDF5 data sets whose compressed chunks are measured before they are inflated."""

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


class CheckedDataset:
    """A data set that refuses a chunk which would inflate to more than it should.

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
        self._limit = prod(self._sides) * dataset.dtype.itemsize + CHECKSUM
        self._largest: int | None = None

    def __getitem__(self, key: Any) -> Any:
        if self._largest_chunk() * DEFLATE_RATIO > HARMLESS:
            for place in self._places(key):
                self._check(place)
        return self._dataset[key]

    def _largest_chunk(self) -> int:
        """Return the bytes of the largest chunk on disk; they are listed once."""
        if self._largest is None:
            sizes = [0]
            self._dataset.id.chunk_iter(lambda chunk: sizes.append(chunk.size))
            self._largest = max(sizes)
        return self._largest

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
    """Return a data set; one that is compressed by deflate is measured before it is inflated."""
    if dataset.chunks is None or dataset.compression != "gzip":
        return dataset
    return CheckedDataset(dataset)
