"""The second pass: provisional labels become ids, block by block; and the coarser levels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_scsam.io.zarr_access import member_array
from napari_scsam.volume.blocks import BlockPlan
from napari_scsam.volume.instances.chunks import write_chunks
from napari_scsam.volume.instances.job import InstanceJob


def renumber_block(job: InstanceJob, out: Path, number: int) -> None:
    """Write the ids of the objects in a block, of every kind.

    Parameters
    ----------
    job
        Whose provisional labels.
    out
        The OME-Zarr with the empty label images.
    number
        Of the block.
    """
    where = job.plan[number].slices
    offsets = np.load(job.offsets(), mmap_mode="r")
    for index, kind in enumerate(job.kinds):
        begin, end = (int(offset) for offset in offsets[index, number : number + 2])
        ids = np.load(job.table(index), mmap_mode="r")[begin:end]
        if not ids.any():
            continue
        table = np.concatenate([np.zeros(1, ids.dtype), ids])
        labels = np.asarray(zarr.open_array(job.provisional(index), mode="r")[where])
        level = member_array(zarr.open_group(out, mode="r+"), f"labels/{kind.folder}/0")
        write_chunks(level, where, looked_up(table, labels))


def looked_up(table: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
    """Return ``table[labels]``, which as it stands takes three times the memory of the labels.

    Labels of the table's type are replaced in place.
    """
    found = labels
    if labels.dtype != table.dtype or not labels.flags.writeable:
        found = np.empty(labels.shape, table.dtype)
    for layer in range(len(labels)):
        found[layer] = table[labels[layer]]
    return found


@dataclass(frozen=True)
class LevelJob:
    """One coarser level of a label image."""

    group: Path
    finer: str
    name: str
    factors: tuple[int, ...]
    plan: BlockPlan


def write_level_block(job: LevelJob, number: int) -> None:
    """Write a block of a coarser level: every second voxel of the finer one."""
    where = job.plan[number].slices
    group = zarr.open_group(job.group, mode="r+")
    source = tuple(
        slice(part.start * factor, part.stop * factor, factor)
        for part, factor in zip(where, job.factors, strict=True)
    )
    whole = tuple(slice(part.start, part.stop) for part in source)
    steps = tuple(slice(None, None, part.step) for part in source)
    values = np.asarray(member_array(group, job.finer)[whole])[steps]
    if values.any():
        write_chunks(member_array(group, job.name), where, values)
