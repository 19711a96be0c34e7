"""Write labels as HDF5, with the voxel size as ilastik, Fiji and funlib read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy.typing as npt

from napari_scsam.atomic import replacing
from napari_scsam.io.label_files.record import LabelRecord, parse_record
from napari_scsam.io.untrusted.hdf5_files import open_hdf5
from napari_scsam.io.untrusted.hdf5_heaps import read_attribute

DATASET = "labels"
"""Name of the data set."""

RECORD_ATTRIBUTE = "scsam"
"""Name of the attribute with our record."""

CHUNK = 512
"""Side of a chunk, which is one slice deep."""

SPACE = 2
"""Number of an axis in space, in vigra's tags."""


def write_label_hdf5(path: Path, labels: npt.NDArray[Any], record: LabelRecord) -> None:
    """Write labels as the data set ``labels`` of a new file.

    Parameters
    ----------
    path
        Replaced in one step when it is complete.
    labels
        (Y, X) or (Z, Y, X) integers.
    record
        An attribute of the data set; voxel size and origin are in others, too.
    """
    content = _file_image(labels, record)
    with replacing(path) as draft:
        draft.write_bytes(content)


def _file_image(labels: npt.NDArray[Any], record: LabelRecord) -> bytes:
    """Return the file as bytes.

    On a full disk, libhdf5 raises a RuntimeError and may end the process when it closes a file. So
    it never sees the disk.
    """
    sides = tuple(min(CHUNK, side) for side in labels.shape[-2:])
    with h5py.File("labels.h5", "w", driver="core", backing_store=False) as file:
        dataset = file.create_dataset(
            DATASET,
            data=labels,
            chunks=(1, *sides)[-labels.ndim :],
            compression="gzip",
            shuffle=True,
            track_times=False,
        )
        dataset.attrs.update(_place(record, labels.ndim))
        dataset.attrs[RECORD_ATTRIBUTE] = record.text()
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def _place(record: LabelRecord, ndim: int) -> dict[str, Any]:
    """Return the attributes that say where the voxels are."""
    axes = [
        {"key": letter, "typeFlags": SPACE, "resolution": 0, "description": ""}
        for letter in "zyx"[-ndim:]
    ]
    place: dict[str, Any] = {"axistags": json.dumps({"axes": axes})}
    if record.voxel_size is not None:
        size = record.voxel_size[-ndim:]
        place["element_size_um"] = [side / 1000 for side in size]
        place["resolution"] = list(size)
        place["offset"] = [float(shift) for shift in record.origin[-ndim:]]
        place["units"] = ["nm"] * ndim
    return place


def read_hdf5_record(path: Path) -> Mapping[str, Any]:
    """Read our record from an HDF5 file; empty for those of others."""
    with open_hdf5(path) as file:
        dataset = file.get(DATASET)
        if not isinstance(dataset, h5py.Dataset):
            return {}
        return parse_record(read_attribute(dataset, RECORD_ATTRIBUTE, ""))
