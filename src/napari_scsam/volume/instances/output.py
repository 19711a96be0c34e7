"""The OME-Zarr of instances: one label image for each class, and the root shows the first.

The root is an OME-Zarr image by itself (NGFF 0.5): its levels are those of the first class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_scsam.atomic import sync, sync_tree
from napari_scsam.io.label_files.record import LabelRecord
from napari_scsam.io.label_files.tiff import write_label_tiff
from napari_scsam.io.label_header import label_header
from napari_scsam.io.label_pyramid import COARSEST, level_factors
from napari_scsam.io.volumes import Volume
from napari_scsam.io.zarr_access import (
    listed_names,
    member_array,
    member_group,
    ngff_attributes,
)
from napari_scsam.volume.blocks import BlockPlan, plan_blocks
from napari_scsam.volume.instances.chunks import as_smallest_type, create_array
from napari_scsam.volume.instances.kinds import ObjectKind
from napari_scsam.volume.instances.renumber import LevelJob
from napari_scsam.volume.instances.run_folder import SETTINGS_KEY

LEVEL_VOXELS = 2**20
"""Voxels of a block of a coarser level; eight times as many are read for it."""


@dataclass(frozen=True)
class Levels:
    """The levels of the label images, all alike."""

    plans: tuple[BlockPlan, ...]
    """Blocks in which each level is written, finest first."""
    factors: tuple[tuple[int, ...], ...]
    """How much coarser each level is than the one before it."""

    @property
    def total_factors(self) -> list[tuple[int, ...]]:
        """How much coarser each level is than the first."""
        found: list[tuple[int, ...]] = []
        for factors in self.factors:
            before = found[-1] if found else (1,) * len(factors)
            found.append(tuple(f * b for f, b in zip(factors, before, strict=True)))
        return found


def plan_levels(plan: BlockPlan, volume: Volume) -> Levels:
    """Return the levels of an output: each half as fine as the one before."""
    plans = [plan]
    factors = [(1,) * len(plan.shape)]
    scale = list((volume.voxel_size or (1.0, 1.0, 1.0))[-len(plan.shape) :])
    while max(plans[-1].shape[-2:]) > COARSEST:
        finer = plans[-1]
        step = level_factors(finer.shape, scale, known=volume.voxel_size is not None)
        shape = tuple(-(-size // factor) for size, factor in zip(finer.shape, step, strict=True))
        scale = [size * factor for size, factor in zip(scale, step, strict=True)]
        plans.append(plan_blocks(shape, finer.chunks, most_voxels=LEVEL_VOXELS))
        factors.append(step)
    return Levels(tuple(plans), tuple(factors))


def create_output(
    folder: Path,
    kinds: Sequence[ObjectKind],
    counts: Sequence[int],
    levels: Levels,
    volume: Volume,
    settings: Mapping[str, Any],
) -> None:
    """Create the output with empty label images, in one step.

    Parameters
    ----------
    folder
        A new folder.
    kinds, counts
        The classes, and the number of objects of each.
    levels, volume
        Shape and physical size.
    settings
        What was asked for; kept in the metadata.
    """
    draft = folder.with_name(f"{folder.name}.new")
    root = zarr.open_group(draft, mode="w", zarr_format=3)
    labels = root.create_group("labels")
    for kind, count in zip(kinds, counts, strict=True):
        group = labels.create_group(kind.folder)
        dtype = as_smallest_type(count)
        for number, plan in enumerate(levels.plans):
            create_array(group, str(number), plan, dtype)
        record = {"classes": [], SETTINGS_KEY: {"class": kind.name, "objects": count}}
        ome = _ome(kind.folder, levels, volume, dtype)
        group.update_attributes({"ome": ome, "scsam": record})
    names = [kind.folder for kind in kinds]
    labels.update_attributes({"ome": {"version": "0.5", "labels": names}})
    first = member_group(labels, names[0])
    multiscale = dict(ngff_attributes(first)["multiscales"][0])
    multiscale["datasets"] = [
        {**dataset, "path": f"labels/{names[0]}/{dataset['path']}"}
        for dataset in multiscale["datasets"]
    ]
    root.update_attributes(
        {
            "ome": {"version": "0.5", "multiscales": [multiscale]},
            "scsam": {"format": 1, SETTINGS_KEY: dict(settings)},
        }
    )
    sync_tree(draft)
    draft.rename(folder)
    sync(folder.parent)


def _ome(name: str, levels: Levels, volume: Volume, dtype: np.dtype[Any]) -> Any:
    shape = levels.plans[0].shape
    header = label_header(name, shape, volume.voxel_size, (), volume.origin, dtype)
    return header.attributes(levels.total_factors)["ome"]


def level_jobs(folder: Path, kinds: Sequence[ObjectKind], levels: Levels) -> list[LevelJob]:
    """Return the coarser levels to write, each after the finer one that it is made of."""
    return [
        LevelJob(
            folder / "labels" / kind.folder,
            str(number - 1),
            str(number),
            levels.factors[number],
            levels.plans[number],
        )
        for kind in kinds
        for number in range(1, len(levels.plans))
    ]


def counts_of(out: Path) -> dict[str, int]:
    """Return the number of objects of each class in a finished output; none of a TIFF."""
    if not out.is_dir():
        return {}
    labels = member_group(zarr.open_group(out, mode="r"), "labels")
    records: list[Any] = [
        member_group(labels, name).attrs["scsam"] for name in listed_names(labels)
    ]
    return {record[SETTINGS_KEY]["class"]: record[SETTINGS_KEY]["objects"] for record in records}


def write_instances_tiff(path: Path, folder: Path, kind: ObjectKind, volume: Volume) -> None:
    """Write the instances of a class as a TIFF; they are held in memory for it."""
    level = member_array(zarr.open_group(folder, mode="r"), f"labels/{kind.folder}/0")
    record = LabelRecord((), volume.voxel_size, volume.origin)
    write_label_tiff(path, np.asarray(level[...]), record)
