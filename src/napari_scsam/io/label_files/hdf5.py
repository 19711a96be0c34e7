"""Write labels as HDF5, with the voxel size as ilastik, Fiji and funlib read it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy.typing as npt

from napari_scsam.atomic import replacing
from napari_scsam.config import ClassSpec, VoxelSize
from napari_scsam.io.label_files.record import parse_record, record_text

DATASET = "labels"
"""Name of the data set."""

RECORD = "scsam"
"""Name of the attribute with our record."""

CHUNK = 512
"""Side of a chunk, which is one slice deep."""

SPACE = 2
"""Number of an axis in space, in vigra's tags."""


def write_label_hdf5(
    path: Path,
    labels: npt.NDArray[Any],
    voxel_size: VoxelSize | None,
    classes: Sequence[ClassSpec],
    origin: Sequence[float],
) -> None:
    """Write labels as the data set ``labels`` of a new file.

    Parameters
    ----------
    path
        Replaced in one step when it is complete.
    labels
        (Y, X) or (Z, Y, X) integers.
    voxel_size, origin
        nm along z, y, x. The size is left out when it is unknown.
    classes
        May be empty.
    """
    sides = tuple(min(CHUNK, side) for side in labels.shape[-2:])
    with replacing(path) as draft, h5py.File(draft, "w") as file:
        dataset = file.create_dataset(
            DATASET,
            data=labels,
            chunks=(1, *sides)[-labels.ndim :],
            compression="gzip",
            shuffle=True,
            track_times=False,
        )
        dataset.attrs.update(_place(voxel_size, origin, labels.ndim))
        dataset.attrs[RECORD] = record_text(classes, voxel_size, origin)


def _place(voxel_size: VoxelSize | None, origin: Sequence[float], ndim: int) -> dict[str, Any]:
    """Return the attributes that say where the voxels are."""
    axes = [
        {"key": letter, "typeFlags": SPACE, "resolution": 0, "description": ""}
        for letter in "zyx"[-ndim:]
    ]
    place: dict[str, Any] = {"axistags": json.dumps({"axes": axes})}
    if voxel_size is not None:
        size = voxel_size[-ndim:]
        place["element_size_um"] = [side / 1000 for side in size]
        place["resolution"] = list(size)
        place["offset"] = [float(shift) for shift in origin[-ndim:]]
        place["units"] = ["nm"] * ndim
    return place


def read_hdf5_record(path: Path) -> Mapping[str, Any]:
    """Read our record from an HDF5 file; empty for those of others."""
    with h5py.File(path, "r") as file:
        dataset = file.get(DATASET)
        if not isinstance(dataset, h5py.Dataset):
            return {}
        return parse_record(dataset.attrs.get(RECORD, ""))
