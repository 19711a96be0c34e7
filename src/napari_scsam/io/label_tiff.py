"""Writes label images as TIFF that Fiji opens with the right voxel size."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_scsam.atomic import replacing
from napari_scsam.config import ClassSpec, UserError, VoxelSize

IMAGEJ_LIMIT = 2**32 - 2**26
"""Bytes of labels above which we write OME BigTIFF: ImageJ's form ends at 4 GB, even before compression."""


def write_label_tiff(
    path: Path,
    labels: npt.NDArray[Any],
    voxel_size: VoxelSize | None,
    classes: Sequence[ClassSpec],
    origin: Sequence[float],
) -> None:
    """Write labels with zlib, voxel size, and the class table as JSON in the description.

    Parameters
    ----------
    path
        Replaced in one step when it is complete.
    labels
        (Y, X) or (Z, Y, X) integers. 8 and 16 bits become an ImageJ TIFF, others OME-TIFF (ImageJ knows no 32-bit integers);
        a stack of one slice gets tifffile's own form, the only one of the three that keeps its z axis.
    voxel_size
        nm along z, y, x; left out when unknown. It stands in the tags for other programs, and exactly beside the class table.
    classes
        May be empty.
    origin
        nm along z, y, x; kept beside the class table, since TIFF has no place for it.

    Raises
    ------
    UserError
        When a label does not fit into 32 bits.
    """
    labels = _storable(labels)
    record = json.dumps(
        {
            "classes": [c.to_dict() for c in classes],
            "voxel_size": voxel_size,
            "origin": [float(v) for v in origin],
        }
    )
    if labels.ndim == 3 and len(labels) == 1:
        form = _shaped(voxel_size, record)
    elif labels.dtype in (np.uint8, np.uint16) and labels.nbytes < IMAGEJ_LIMIT:
        form = _imagej(voxel_size, record)
    else:
        form = _ome(voxel_size, record) | {"bigtiff": labels.nbytes >= IMAGEJ_LIMIT}
    form["metadata"]["axes"] = "ZYX"[-labels.ndim :]
    with replacing(path) as draft:
        tifffile.imwrite(draft, labels, compression="zlib", **form)


def _storable(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Bring labels to a type that TIFF readers know: booleans to 8 bits, 64 bits to 32."""
    if labels.dtype.kind == "b":
        return labels.astype(np.uint8)
    if labels.dtype.itemsize < 8:
        return labels
    if labels.min(initial=0) < 0 or labels.max(initial=0) > np.iinfo(np.uint32).max:
        raise UserError("a label does not fit into the 32 bits of TIFF; write OME-Zarr instead")
    return labels.astype(np.uint32)


def _imagej(voxel_size: VoxelSize | None, record: str) -> dict[str, Any]:
    """Let ImageJ read pixels per nm; further lines of its description are free, so the class table is one."""
    if voxel_size is None:
        return {"imagej": True, "metadata": {"scsam": record}}
    z, y, x = voxel_size
    return {
        "imagej": True,
        "resolution": (1 / x, 1 / y),
        "metadata": {"unit": "nm", "spacing": z, "scsam": record},
    }


def _ome(voxel_size: VoxelSize | None, record: str) -> dict[str, Any]:
    sizes = zip("ZYX", voxel_size or (), strict=False)
    physical = {
        f"PhysicalSize{a}{end}": value
        for a, size in sizes
        for end, value in (("", size), ("Unit", "nm"))
    }
    return {"ome": True, "metadata": {"Description": f'{{"scsam": {record}}}', **physical}}


def _shaped(voxel_size: VoxelSize | None, record: str) -> dict[str, Any]:
    note = {"scsam": json.loads(record)}
    if voxel_size is None:
        return {"metadata": note}
    z, y, x = voxel_size
    return {
        "resolution": (1e7 / x, 1e7 / y),
        "resolutionunit": "CENTIMETER",
        "metadata": {"unit": "nm", "spacing": z, **note},
    }
