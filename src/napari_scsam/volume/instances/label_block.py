"""The first pass: the connected components of one block, with provisional numbers from 1 on.

Components are those of connected-components-3d (Silversmith 2021, doi:10.5281/zenodo.5535250).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cc3d
import fastremap
import numpy as np
import zarr
from numpy.typing import NDArray

from napari_scsam.io.lazy import DamagedPartError
from napari_scsam.volume.blocks import Block
from napari_scsam.volume.instances.basins import Basins, basins_of, halo_of
from napari_scsam.volume.instances.chunks import write_chunks
from napari_scsam.volume.instances.job import Job
from napari_scsam.volume.instances.kinds import Kind
from napari_scsam.volume.instances.record import faces_of, write_record

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
class Components:
    """The components in a block."""

    labels: NDArray[np.uint32]
    """Provisional numbers from 1 on; 0 is nothing."""
    first: NDArray[np.int64]
    """Position of the first voxel of each, in reading order in the volume."""
    voxels: NDArray[np.int64]
    """Voxels of each."""

    @property
    def count(self) -> int:
        """Number of components."""
        return len(self.first)


@dataclass(frozen=True)
class Part:
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


def label_block(job: Job, number: int) -> Unreadable | Unwritable | None:
    """Find the components of every kind in a block, and write them to disk, then their record."""
    block = job.plan[number]
    where = block.slices
    if job.watershed:
        where = block.grown(halo_of(job.sampling), job.plan.shape)
    try:
        part = Part(block, where, job.source.read(where))
    except DamagedPartError as error:
        return Unreadable(str(error))
    present = fastremap.unique(part.core)
    arrays: dict[str, NDArray[Any]] = {}
    counts = np.zeros(len(job.kinds), np.int64)
    try:
        for index, kind in enumerate(job.kinds):
            if not _has(kind, present):
                continue
            counts[index], found = _label_kind(job, index, part)
            arrays |= {f"{index}.{name}": array for name, array in found.items()}
        others = _others(job.kinds, present)
        write_record(job.record(number), {"counts": counts, "others": others, **arrays})
    except OSError as error:
        return Unwritable(str(error))
    return None


def _label_kind(job: Job, index: int, part: Part) -> tuple[int, dict[str, NDArray[Any]]]:
    """Write the components of one kind, and return what its record holds."""
    kind = job.kinds[index]
    arrays: dict[str, NDArray[Any]] = {}
    if job.watershed:
        basins = _find_basins(job, kind, part)
        arrays = basin_arrays(basins)
        found = as_components(basins.labels, part.block, job.plan.shape)
    else:
        found = find_components(part.core, kind, part.block, job.plan.shape)
    provisional = zarr.open_array(job.provisional(index), mode="r+")
    write_chunks(provisional, part.block.slices, found.labels)
    arrays |= {"first": found.first, "voxels": found.voxels, **faces_of(found.labels, "labels")}
    if not kind.values:
        arrays["values"] = values_of(found, part.core, part.block, job.plan.shape)
    return found.count, arrays


def _find_basins(job: Job, kind: Kind, part: Part) -> Basins:
    values = part.labels
    if kind.values:
        values = kind.mask(values)
    components = connected(values, corners=True)
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


def find_components(
    labels: NDArray[Any], kind: Kind, block: Block, shape: Sequence[int]
) -> Components:
    """Return the components of a kind: 26 neighbours in a volume, 8 in a slice.

    Parameters
    ----------
    labels
        Of the block.
    kind
        Which labels; those of a kind without values are connected within one value.
    block, shape
        Where the labels are, in a volume of which shape.
    """
    values = labels if not kind.values else kind.mask(labels)
    return as_components(connected(values, corners=True), block, shape)


def connected(values: NDArray[Any], *, corners: bool) -> NDArray[np.uint32]:
    """Return the connected components of equal values other than 0, numbered from 1 on.

    Parameters
    ----------
    values
        (Y, X) or (Z, Y, X).
    corners
        Whether voxels that share only an edge or a corner are connected.
    """
    neighbours: tuple[Literal[4, 8], Literal[6, 26]] = (4, 6)
    if corners:
        neighbours = (8, 26)
    near = neighbours[values.ndim - 2]
    # Its way for booleans is wrong where a side is odd (4.1.1), so it must not see them.
    numbers = values.view(np.uint8) if values.dtype == bool else values
    found = cc3d.connected_components(numbers, connectivity=near, out_dtype=np.uint32)
    return found.astype(np.uint32, copy=False)


def as_components(labels: NDArray[np.uint32], block: Block, shape: Sequence[int]) -> Components:
    """Return numbered components with their sizes and first voxels."""
    numbers, first, voxels = fastremap.unique(labels, return_index=True, return_counts=True)
    inside = numbers > 0
    places = np.unravel_index(first[inside].astype(np.int64), labels.shape)
    whole = tuple(place + start for place, start in zip(places, block.start, strict=True))
    positions = np.ravel_multi_index(whole, tuple(shape)).astype(np.int64)
    return Components(labels, positions, voxels[inside].astype(np.int64))


def values_of(
    found: Components, labels: NDArray[Any], block: Block, shape: Sequence[int]
) -> NDArray[Any]:
    """Return the label value of each component."""
    places = np.unravel_index(found.first, tuple(shape))
    inside = tuple(place - start for place, start in zip(places, block.start, strict=True))
    values: NDArray[Any] = labels[inside]
    return values


def _has(kind: Kind, present: NDArray[Any]) -> bool:
    if not kind.values:
        return bool((present != 0).any())
    return bool(np.isin(present, kind.values).any())


def _others(kinds: Sequence[Kind], present: NDArray[Any]) -> NDArray[Any]:
    """Return the first few values that are of no kind."""
    if not kinds[0].values:
        return np.zeros(0, present.dtype)
    known = [0, *(value for kind in kinds for value in kind.values)]
    return present[~np.isin(present, known)][:FIRST_VALUES]
