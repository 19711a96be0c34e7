"""Write labels as a precomputed segmentation, which neuroglancer opens from any web server.

See https://github.com/google/neuroglancer/blob/master/src/datasource/precomputed/volume.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scsam.atomic import replacing_folder
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.drafts import DRAFT_MARK
from napari_scsam.io.label_files.record import LabelRecord, parse_record
from napari_scsam.io.own_files import foreign_files
from napari_scsam.json_files import write_json

SUFFIX = ".precomputed"

RECORD = "scsam.json"
"""File of our record."""

PROPERTIES = "segment_properties"
"""Folder of the names of the classes."""

OWN_FILES = (
    r"info|scsam\.json|segment_properties/info|labels/\d+-\d+_\d+-\d+_\d+-\d+",
    DRAFT_MARK.replace(".", r"\."),
)
"""Regular expressions of what is written."""

CHUNK = 64
"""Side of a chunk."""


def write_label_precomputed(path: Path, labels: npt.NDArray[Any], record: LabelRecord) -> None:
    """Write labels as a folder with one level, and with the names of the classes.

    Parameters
    ----------
    path
        The folder; one of ours is replaced in one step when the new one is complete.
    labels
        (Y, X) or (Z, Y, X) integers from 0 on.
    record
        A file beside the voxels. In ``info``, an unknown voxel size is 1 nm, and the origin is
        rounded to voxels.

    Raises
    ------
    UserError
        When a label is negative.
    """
    if labels.min(initial=0) < 0:
        raise UserError("negative labels cannot be written for neuroglancer; end the name in .zarr")
    stored = np.atleast_3d(labels.T).astype(_type_of(labels))  # x, y, z
    size = (record.voxel_size or (1.0, 1.0, 1.0))[::-1]
    with replacing_folder(path, is_own) as draft:
        _write_voxels(draft, stored, size, record.origin[::-1])
        _write_names(draft, record.classes)
        (draft / RECORD).write_text(record.text(), encoding="utf-8")


def _type_of(labels: npt.NDArray[Any]) -> type[Any]:
    """Return a type that neuroglancer packs."""
    if labels.max(initial=0) <= np.iinfo(np.uint32).max:
        return np.uint32
    return np.uint64


def _write_voxels(
    folder: Path, stored: npt.NDArray[Any], size: Sequence[float], origin: Sequence[float]
) -> None:
    """Write ``info`` and the chunks; all along x, y, z.

    On a full disk, tensorstore raises a ValueError, and goes on with other chunks. So it packs them
    in memory, and the files are written here.
    """
    import tensorstore

    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "memory"},
        "multiscale_metadata": {
            "type": "segmentation",
            "data_type": stored.dtype.name,
            "num_channels": 1,
        },
        "scale_metadata": {
            "key": "labels",
            "size": list(stored.shape),
            "resolution": list(size),
            "voxel_offset": [round(by / side) for by, side in zip(origin, size, strict=True)],
            "chunk_size": [CHUNK] * 3,
            "encoding": "compressed_segmentation",
            "compressed_segmentation_block_size": [8, 8, 8],
        },
    }
    context = tensorstore.Context()
    store = tensorstore.open(spec, create=True, context=context).result()
    store[..., 0] = stored
    packed = tensorstore.KvStore.open({"driver": "memory"}, context=context).result()
    for key in packed.list().result():
        file = folder / key.decode()
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(packed[key])


def _write_names(folder: Path, classes: Sequence[ClassSpec]) -> None:
    """Write the names of the classes, which neuroglancer shows in its list of segments."""
    if not classes:
        return
    names = {"id": "label", "type": "label", "values": [spec.name for spec in classes]}
    properties = {
        "@type": "neuroglancer_segment_properties",
        "inline": {"ids": [str(spec.id) for spec in classes], "properties": [names]},
    }
    (folder / PROPERTIES).mkdir()
    write_json(folder / PROPERTIES / "info", properties)
    info = folder / "info"
    values = json.loads(info.read_text(encoding="utf-8"))
    write_json(info, {**values, PROPERTIES: PROPERTIES})


def is_own(folder: Path) -> bool:
    """Whether a folder is a precomputed segmentation of ours, and holds nothing else."""
    return (folder / RECORD).is_file() and not foreign_files(folder, OWN_FILES)


def read_precomputed_record(path: Path) -> Mapping[str, Any]:
    """Read our record from a precomputed segmentation; empty for those of others."""
    try:
        return parse_record((path / RECORD).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
