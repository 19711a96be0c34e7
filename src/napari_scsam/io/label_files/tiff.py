"""Write label images as TIFF that Fiji opens with the right voxel size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_scsam.atomic import replacing
from napari_scsam.config import UserError, VoxelSize
from napari_scsam.io.label_files.record import LabelRecord

IMAGEJ_LIMIT = 2**32 - 2**26
"""Bytes of labels above which OME BigTIFF is written.

ImageJ's form ends at 4 GB before compression."""

NM_IN_A_CM = 1e7


def write_label_tiff(path: Path, labels: npt.NDArray[Any], record: LabelRecord) -> None:
    """Write labels with zlib, voxel size, and the class table as JSON in the description.

    Parameters
    ----------
    path
        Replaced in one step when it is complete.
    labels
        (Y, X) or (Z, Y, X) integers. 8 and 16 bits become an ImageJ TIFF, others an OME-TIFF, for
        ImageJ has no 32-bit integers. A stack of one slice gets tifffile's own form, the only one
        of the three that keeps its z axis.
    record
        Its JSON holds all of it. Tags repeat the voxel size, if it is known, for other programs;
        TIFF has no tag for the origin.

    Raises
    ------
    UserError
        When a label does not fit into 32 bits.
    """
    labels = _storable(labels)
    form = _form(labels, record.voxel_size, record.text())
    form["metadata"]["axes"] = "ZYX"[-labels.ndim :]
    with replacing(path) as draft:
        tifffile.imwrite(draft, labels, compression="zlib", **form)


def _form(labels: npt.NDArray[Any], voxel_size: VoxelSize | None, record: str) -> dict[str, Any]:
    """Return tifffile's options for the form of TIFF that fits the labels."""
    if labels.ndim == 3 and len(labels) == 1:
        return _shaped(voxel_size, record)
    if labels.dtype in (np.uint8, np.uint16) and labels.nbytes < IMAGEJ_LIMIT:
        return _imagej(voxel_size, record)
    return {**_ome(voxel_size, record), "bigtiff": labels.nbytes >= IMAGEJ_LIMIT}


def _storable(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Convert labels to a type that TIFF readers know: booleans to 8 bits, 64 bits to 32."""
    if labels.dtype.kind == "b":
        return labels.astype(np.uint8)
    if labels.dtype.itemsize < 8:
        return labels
    if labels.min(initial=0) < 0 or labels.max(initial=0) > np.iinfo(np.uint32).max:
        raise UserError("a label does not fit into the 32 bits of TIFF; write OME-Zarr instead")
    return labels.astype(np.uint32)


def _imagej(voxel_size: VoxelSize | None, record: str) -> dict[str, Any]:
    """Return options for ImageJ, in centimetres; the record is a line of its description.

    ITK reads the size of a pixel only in centimetres or inches. Fiji shows such sizes in µm.
    """
    if voxel_size is None:
        return {"imagej": True, "metadata": {"scsam": record}}
    return {
        "imagej": True,
        **_resolution(voxel_size),
        "metadata": {"unit": "cm", "spacing": voxel_size[0] / NM_IN_A_CM, "scsam": record},
    }


def _ome(voxel_size: VoxelSize | None, record: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"Description": f'{{"scsam": {record}}}'}
    if voxel_size is None:
        return {"ome": True, "metadata": metadata}
    for axis, size in zip("ZYX", voxel_size, strict=True):
        metadata[f"PhysicalSize{axis}"] = size
        metadata[f"PhysicalSize{axis}Unit"] = "nm"
    return {"ome": True, "metadata": metadata, **_resolution(voxel_size)}


def _shaped(voxel_size: VoxelSize | None, record: str) -> dict[str, Any]:
    note = {"scsam": json.loads(record)}
    if voxel_size is None:
        return {"metadata": note}
    spacing = {"unit": "nm", "spacing": voxel_size[0]}
    return {**_resolution(voxel_size), "metadata": {**spacing, **note}}


def _resolution(voxel_size: VoxelSize) -> dict[str, Any]:
    """Return the tags of the size of a pixel: pixels in a centimetre along x and y."""
    _, y, x = voxel_size
    return {"resolution": (NM_IN_A_CM / x, NM_IN_A_CM / y), "resolutionunit": "CENTIMETER"}
