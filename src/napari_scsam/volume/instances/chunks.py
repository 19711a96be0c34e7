"""Arrays that tasks fill block by block: one file a block, on disk before a record says so."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from napari_scsam.atomic import sync, sync_tree
from napari_scsam.io.zarr_access import ZarrArray, folder_of
from napari_scsam.volume.blocks import BlockPlan


def create_array(where: zarr.Group | Path, name: str, plan: BlockPlan, dtype: Any) -> ZarrArray:
    """Create an empty array of which each block is one shard, with chunks inside.

    A folder that becomes an array is on disk before this returns: blocks in it will be recorded.

    Parameters
    ----------
    where
        The group that gets it, or the folder that becomes an array by itself.
    name
        Of the member of the group.
    plan
        Blocks that will be written.
    dtype
        An integer type.
    """
    group = zarr.open_group(where, mode="a", zarr_format=3) if isinstance(where, Path) else where
    chunks = plan.chunks
    shards = tuple(
        ceil(min(side, length) / chunk) * chunk
        for side, length, chunk in zip(plan.sides, plan.shape, chunks, strict=True)
    )
    array = group.create_array(
        name,
        shape=plan.shape,
        dtype=dtype,
        chunks=chunks,
        shards=shards,
        compressors=ZstdCodec(level=1, checksum=True),  # so that damage is seen when it is read
        fill_value=0,
        dimension_names=list("zyx"[-len(plan.shape) :]),
        overwrite=True,
    )
    if isinstance(where, Path):
        sync_tree(where)
        sync(where.parent)
        sync(where.parent.parent)
    return array


def write_chunks(array: ZarrArray, where: tuple[slice, ...], values: NDArray[Any]) -> None:
    """Write one block of an array, and wait until its file is on disk.

    Parameters
    ----------
    array
        From `create_array`.
    where
        A block of its plan.
    values
        What goes there.
    """
    array[where] = values
    sides = array.shards or array.chunks
    names = [str(part.start // side) for part, side in zip(where, sides, strict=True)]
    _sync_up(folder_of(array).joinpath("c", *names), folder_of(array))


def _sync_up(file: Path, top: Path) -> None:
    """Wait until a file and the folders that list it are on disk, up to one of them."""
    for path in [file, *file.parents]:
        if path == top.parent:
            break
        if path.exists():
            sync(path)


def as_smallest_type(largest: int) -> np.dtype[Any]:
    """Return the type for ids up to `largest`: 32 bits, or 64 where they do not fit."""
    if largest <= np.iinfo(np.uint32).max:
        return np.dtype(np.uint32)
    return np.dtype(np.uint64)
