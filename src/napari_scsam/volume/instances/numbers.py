"""The ids of a whole volume: from the records of all blocks and the labels that touch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.atomic import replacing
from napari_scsam.json_files import read_json, replace_json
from napari_scsam.volume.instances.edges import read_beside, read_pairs, read_saddles
from napari_scsam.volume.instances.graph import number_objects, roots_of
from napari_scsam.volume.instances.holes import fill_roots
from napari_scsam.volume.instances.job import InstanceJob
from napari_scsam.volume.instances.kinds import check_values
from napari_scsam.volume.instances.merge import Tables, merged_roots
from napari_scsam.volume.instances.record import BlockRecord


def write_offsets(job: InstanceJob) -> None:
    """Write how many provisional labels come before each block, kinds × (blocks + 1).

    A block without a record has none.

    Raises
    ------
    UserError
        When there are labels, and none is of a class that is looked for.
    """
    counts = np.zeros((len(job.kinds), len(job.plan)), np.int64)
    others: list[int] = []
    any_object = False
    for number in range(len(job.plan)):
        if not job.record(number).is_file():
            continue
        with BlockRecord(job.record(number)) as record:
            counts[:, number] = record.counts()
            any_object = any_object or record.has_objects()
            others = others or record.others()
    check_values(job.source.name, job.kinds, others, any_object=any_object)
    offsets = np.zeros((len(job.kinds), len(job.plan) + 1), np.int64)
    np.cumsum(counts, axis=1, out=offsets[:, 1:])
    save_array(job.offsets(), offsets)


def number_kinds(job: InstanceJob, smallest: int) -> list[int]:
    """Write the table of ids of each kind, and return the number of its objects.

    Parameters
    ----------
    job
        All of its blocks are joined.
    smallest
        Objects of fewer voxels are left out.
    """
    counts = []
    offsets = np.load(job.offsets())
    for kind in range(len(job.kinds)):
        first = _read_labels(job, kind, offsets[kind], "first")
        voxels = _read_labels(job, kind, offsets[kind], "voxels")
        pairs = read_pairs(job, kind, offsets[kind])
        if job.watershed:
            tables = _read_tables(job, kind, offsets[kind], voxels)
            saddles = read_saddles(job, kind, offsets[kind])
            roots = merged_roots(tables, pairs, saddles, smallest)
        else:
            roots = roots_of(len(first), pairs)
        if job.fill_holes:
            values = _read_labels(job, kind, offsets[kind], "values")
            is_open = _read_labels(job, kind, offsets[kind], "open") > 0
            beside = read_beside(job, kind, offsets[kind])
            roots = fill_roots(roots, values, is_open, beside)
        numbering = number_objects(roots, first, voxels, smallest)
        save_array(job.table(kind), numbering.table)
        counts.append(numbering.count)
    return counts


def _read_labels(
    job: InstanceJob, kind: int, offsets: NDArray[np.int64], name: str
) -> NDArray[np.int64]:
    """Read one number of each provisional label."""
    found = np.zeros(int(offsets[-1]), np.int64)
    for number in np.flatnonzero(np.diff(offsets)):
        where = slice(int(offsets[number]), int(offsets[number + 1]))
        with BlockRecord(job.record(int(number))) as record:
            found[where] = record.array(kind, name)
    return found


def _read_tables(
    job: InstanceJob, kind: int, offsets: NDArray[np.int64], voxels: NDArray[np.int64]
) -> Tables:
    return Tables(
        peaks=_read_labels(job, kind, offsets, "peaks"),
        places=_read_labels(job, kind, offsets, "places"),
        leaves=_read_labels(job, kind, offsets, "leaves") > 0,
        voxels=voxels,
    )


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array in one step."""
    with replacing(path) as draft, draft.open("wb") as file:
        np.save(file, array)


def save_counts(job: InstanceJob, counts: Sequence[int]) -> None:
    """Write the number of objects of each kind, once all tables are whole."""
    replace_json(job.counts(), list(counts))


def load_counts(job: InstanceJob) -> list[int] | None:
    """Read what `save_counts` wrote; None when the tables are not whole yet, or it is damaged."""
    counts = read_json(job.counts())
    if not isinstance(counts, list) or not all(isinstance(count, int) for count in counts):
        return None
    return counts
