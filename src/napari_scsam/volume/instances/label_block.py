"""The first pass: the connected components of one block, with provisional numbers from 1 on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastremap
import numpy as np
import zarr
from numpy.typing import NDArray

from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.io.zarr_access import member_array
from napari_scsam.volume.blocks import Block
from napari_scsam.volume.instances.basins import Basins, basins_of, halo_of
from napari_scsam.volume.instances.chunks import write_chunks
from napari_scsam.volume.instances.components import (
    Components,
    as_components,
    component_values,
    find_components,
    multilabel_components,
)
from napari_scsam.volume.instances.holes import (
    BACKGROUND_COMPONENT,
    add_background,
    neighbours_of,
    open_labels_of,
)
from napari_scsam.volume.instances.job import InstanceJob
from napari_scsam.volume.instances.kinds import ObjectKind
from napari_scsam.volume.instances.record import faces_of, write_arrays

NOTHING = np.zeros(0, np.int64)
FIRST_VALUES = 3
"""Values of no kind that a record keeps, for a message."""


@dataclass(frozen=True)
class Unreadable:
    """A block that the file has damaged; nothing is found in it."""

    reason: str


@dataclass(frozen=True)
class Unwritable:
    """A block whose result cannot be written, as on a full disk."""

    reason: str


@dataclass(frozen=True)
class LabelledPart:
    """A block as it was read."""

    block: Block
    where: tuple[slice, ...]
    """The block with its halo."""
    labels: NDArray[Any]
    """Label values there."""

    @property
    def core(self) -> NDArray[Any]:
        """Label values of the block alone."""
        inside = tuple(
            slice(first - wide.start, last - wide.start)
            for first, last, wide in zip(self.block.start, self.block.stop, self.where, strict=True)
        )
        return self.labels[inside]


@dataclass(frozen=True)
class _Read:
    """What was read for a block."""

    parts: dict[int, LabelledPart]
    """By the number of the kind."""
    others: NDArray[Any]
    """The first few values that are of no kind."""
    has_objects: bool


def label_block(job: InstanceJob, number: int) -> Unreadable | Unwritable | None:
    """Find the components of every kind in a block, and write them to disk, then their record."""
    block = job.plan[number]
    try:
        read = _read_parts(job, block)
    except DamagedPartError as error:
        return Unreadable(str(error))
    arrays: dict[str, NDArray[Any]] = {}
    counts = np.zeros(len(job.kinds), np.int64)
    try:
        for index, part in read.parts.items():
            counts[index], found = _label_kind(job, index, part)
            arrays |= {f"{index}.{name}": array for name, array in found.items()}
        arrays["counts"] = counts
        arrays["others"] = read.others
        arrays["has_objects"] = np.array(read.has_objects)
        write_arrays(job.record(number), arrays)
    except OSError as error:
        return Unwritable(str(error))
    return None


def _read_parts(job: InstanceJob, block: Block) -> _Read:
    """Read a block for each kind that is in it."""
    where = block.slices
    if job.watershed:
        where = block.grown(halo_of(job.sampling), job.plan.shape)
    if job.whole is not None:
        found = {
            index: LabelledPart(block, where, _read_whole(job.whole, kind, where))
            for index, kind in enumerate(job.kinds)
        }
        present = {index: part for index, part in found.items() if part.core.any()}
        return _Read(present, NOTHING, has_objects=bool(present))
    part = LabelledPart(block, where, job.source.read(where))
    values = fastremap.unique(part.core)
    kinds = [index for index, kind in enumerate(job.kinds) if _has(kind, values)]
    wanted = range(len(job.kinds)) if job.fill_holes else kinds
    others = _others(job.kinds, values)
    return _Read(dict.fromkeys(wanted, part), others, has_objects=bool(kinds))


def _read_whole(whole: Path, kind: ObjectKind, where: tuple[slice, ...]) -> NDArray[Any]:
    """Read instances of a kind before they are split; each has a number of its own."""
    level = member_array(zarr.open_group(whole, mode="r"), f"labels/{kind.folder}/0")
    return np.asarray(level[where])


def _kind_of_values(job: InstanceJob, index: int) -> ObjectKind:
    """Return a kind; of objects that are whole already, each value is one."""
    kind = job.kinds[index]
    if job.whole is None:
        return kind
    return ObjectKind(kind.name, ())


def _label_kind(
    job: InstanceJob, index: int, part: LabelledPart
) -> tuple[int, dict[str, NDArray[Any]]]:
    """Write the components of one kind, and return what its record holds."""
    kind = _kind_of_values(job, index)
    arrays: dict[str, NDArray[Any]] = {}
    if job.watershed:
        basins = _find_basins(job, kind, part)
        arrays = basin_arrays(basins)
        found = as_components(basins.labels, part.block, job.plan.shape)
    else:
        found = find_components(part.core, kind, part.block, job.plan.shape)
    if job.fill_holes:
        return _with_holes(job, index, part, found)
    provisional = zarr.open_array(job.provisional(index), mode="r+")
    write_chunks(provisional, part.block.slices, found.labels)
    arrays |= {"first": found.first, "voxels": found.voxels, **faces_of(found.labels, "labels")}
    if not kind.values:
        arrays["values"] = component_values(found, part.core, part.block, job.plan.shape)
    return found.count, arrays


def _with_holes(
    job: InstanceJob, index: int, part: LabelledPart, found: Components
) -> tuple[int, dict[str, NDArray[Any]]]:
    """Write components and background, and return what the record holds."""
    block = part.block
    shape = job.plan.shape
    labels = add_background(found.labels)
    everything = as_components(labels, block, shape)
    own: NDArray[Any] = np.ones(found.count, np.int64)
    if not job.kinds[index].values:
        own = component_values(found, part.core, block, shape)
    empty = np.full(everything.count - found.count, BACKGROUND_COMPONENT, np.int64)
    write_chunks(zarr.open_array(job.provisional(index), mode="r+"), block.slices, labels)
    return everything.count, {
        "first": everything.first,
        "voxels": everything.voxels,
        "values": np.concatenate([own, empty]),
        "open": open_labels_of(labels, block, shape, everything.count),
        "beside": neighbours_of(labels, found.count),
        **faces_of(labels, "labels"),
    }


def _find_basins(job: InstanceJob, kind: ObjectKind, part: LabelledPart) -> Basins:
    values = part.labels
    if kind.values:
        values = kind.mask(values)
    components = multilabel_components(values, corners=True)
    return basins_of(components, job.sampling, part.where, part.block, job.plan.shape)


def basin_arrays(basins: Basins) -> dict[str, NDArray[Any]]:
    """Return what a record holds of basins, beside what it holds of components."""
    return {
        "peaks": basins.peaks,
        "places": basins.places,
        "leaves": basins.leaves,
        "saddles": basins.saddles,
        **faces_of(basins.heights, "heights"),
    }


def _has(kind: ObjectKind, present: NDArray[Any]) -> bool:
    if not kind.values:
        return bool((present != 0).any())
    return bool(np.isin(present, kind.values).any())


def _others(kinds: Sequence[ObjectKind], present: NDArray[Any]) -> NDArray[Any]:
    """Return the first few values that are of no kind."""
    if not kinds[0].values:
        return np.zeros(0, present.dtype)
    known = [0, *(value for kind in kinds for value in kind.values)]
    return present[~np.isin(present, known)][:FIRST_VALUES]
