"""The levels of a label image: full size, and coarser copies for an overview."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numcodecs
import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from napari_scsam.io.ngff import OLD, update_ngff, version_of
from napari_scsam.io.zarr_access import ZarrArray, member_array, ngff_attributes

CHUNK = 1024
"""Side of a chunk, which is one slice deep.

Labels are written and shown slice by slice. A deeper chunk would be rewritten once per slice, and a
killed process would leave it half filled. This was measured on 4096 x 4096 slices, in one run on a
shared two-core machine. Writing a 30 x 30 patch took 4.0 ms, against 2.4 ms with chunks of 512.
Reading a slice took 18 ms against 45 ms, and there are four times fewer files.
"""
MOST_FILES = 20_000
"""Chunks of a level that are files of their own; of a larger level, many share a file (a shard)."""

SHARD_CHUNKS = 8
"""Most chunks of a shard along y and x."""

SHARD_DEPTH = 16
"""Most slices of a shard."""

SHARD_SLICES = 2**28
"""Bytes of the slices that a shard is deep: they are in memory until it is written."""

COARSEST = 512
"""Levels are added until the sides of a slice are at most this."""


def new_level(
    group: zarr.Group,
    path: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    shards: tuple[int, ...] | None = None,
) -> ZarrArray:
    """Create an empty level, or replace the one of this path.

    Parameters
    ----------
    group, path
        Where.
    shape, dtype
        Of the level, (Y, X) or (Z, Y, X).
    shards
        From `shard_shape`; None for chunks that are files.
    """
    if version_of(group) == OLD:
        return _old_level(group, path, shape, dtype)
    return group.create_array(
        path,
        shape=shape,
        dtype=np.dtype(dtype.str),  # zarr does not know C's long long, which TIFFs are read as
        chunks=chunk_sides(shape),
        shards=shards,
        compressors=ZstdCodec(level=0, checksum=True),  # so that damage is seen when it is read
        fill_value=0,
        dimension_names=list("zyx"[-len(shape) :]),
        overwrite=True,
    )


def _old_level(
    group: zarr.Group, path: str, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> ZarrArray:
    """Create an empty level of NGFF 0.4, as ome-zarr-py does it: in Blosc, a folder for an axis."""
    return group.create_array(
        path,
        shape=shape,
        dtype=dtype,
        chunks=chunk_sides(shape),
        compressors=numcodecs.Blosc(cname="lz4", clevel=5, shuffle=numcodecs.Blosc.SHUFFLE),
        fill_value=0,
        chunk_key_encoding={"name": "v2", "separator": "/"},
        overwrite=True,
    )


def chunk_sides(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of a chunk of a level."""
    chunks = tuple(min(CHUNK, size) for size in shape[-2:])
    return (1, *chunks)[-len(shape) :]


def shard_shape(
    shape: Sequence[int], dtype: np.dtype[Any], deepest: int | None = None
) -> tuple[int, ...] | None:
    """Return the shape of a shard of a level that is written slab by slab; None for a small one.

    Parameters
    ----------
    shape, dtype
        Of the level.
    deepest
        Most slices of a shard; `SHARD_DEPTH` when not given.
    """
    chunks = chunk_sides(shape)
    counts = [-(-size // side) for size, side in zip(shape, chunks, strict=True)]
    if len(shape) == 2 or prod(counts) <= MOST_FILES:
        return None
    slices = SHARD_SLICES // (shape[1] * shape[2] * dtype.itemsize)
    sides = [min(n, SHARD_CHUNKS) * c for n, c in zip(counts[1:], chunks[1:], strict=True)]
    return (max(1, min(deepest or SHARD_DEPTH, slices)), *sides)


def build_levels(group: zarr.Group) -> None:
    """Write levels 1, 2 ... and only then name them in the metadata."""
    multiscale = dict(ngff_attributes(group)["multiscales"][0])
    first = multiscale["datasets"][0]
    # Until the new levels are whole, readers must not find them.
    _list_levels(group, multiscale, [first])
    scale, *others = first["coordinateTransformations"]
    known = "unit" in multiscale["axes"][0]
    level = member_array(group, "0")
    datasets = [first]
    while max(level.shape[-2:]) > COARSEST:
        factors = level_factors(level.shape, scale["scale"], known)
        level = _coarser(group, str(len(datasets)), level, factors)
        sizes = [size * factor for size, factor in zip(scale["scale"], factors, strict=True)]
        scale = {"type": "scale", "scale": sizes}
        path = str(len(datasets))
        datasets.append({"path": path, "coordinateTransformations": [scale, *others]})
    _list_levels(group, multiscale, datasets)


def _list_levels(group: zarr.Group, multiscale: dict[str, Any], levels: list[Any]) -> None:
    multiscales = [{**multiscale, "datasets": levels}]
    update_ngff(group, {"multiscales": multiscales})


def _coarser(group: zarr.Group, path: str, finer: ZarrArray, factors: Sequence[int]) -> ZarrArray:
    """Create the next level and fill it."""
    shape = tuple(-(-size // factor) for size, factor in zip(finer.shape, factors, strict=True))
    dtype = np.dtype(finer.dtype)
    level = new_level(group, path, shape, dtype, shard_shape(shape, dtype, deepest=1))
    _fill(level, finer, factors)
    return level


def level_factors(shape: Sequence[int], scale: Sequence[float], known: bool) -> tuple[int, ...]:
    """Return 2 for y and x, and for z once voxels are at most as long as they are wide."""
    if len(shape) == 2:
        return (2, 2)
    if known and shape[0] > 1 and scale[0] <= scale[1]:
        return (2, 2, 2)
    return (1, 2, 2)


def _fill(level: ZarrArray, finer: ZarrArray, factors: Sequence[int]) -> None:
    """Copy every second voxel, one row of chunks of one slice at a time."""
    for target in _bands(level.shape, (level.shards or level.chunks)[-2]):
        source = tuple(
            slice(t.start * f, t.stop * f, f) for t, f in zip(target, factors, strict=True)
        )
        level[target] = finer[source]


def _bands(shape: Sequence[int], rows_of_chunk: int) -> Iterator[tuple[slice, ...]]:
    """Return rows of chunks or shards, slice by slice."""
    *depth, height, width = shape
    for z in np.ndindex(*depth):
        for y in range(0, height, rows_of_chunk):
            rows = slice(y, min(y + rows_of_chunk, height))
            yield (*(slice(i, i + 1) for i in z), rows, slice(0, width))
