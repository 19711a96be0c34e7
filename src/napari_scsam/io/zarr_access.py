"""Access to zarr folders: what they are, their OME-Zarr metadata, and their members."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import zarr

from napari_scsam.config import UserError
from napari_scsam.io.untrusted.zarr_chunks import check_zarr_chunks

ZarrArray: TypeAlias = zarr.Array[Any]

MARKERS = ("zarr.json", ".zarray", ".zgroup", ".zattrs")
"""Files that make a folder a zarr array or group, of version 3 or 2."""

METADATA_FILES = {2: ".zarray", 3: "zarr.json"}
"""Name of the file that describes an array, by the version of zarr."""


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a zarr array or group."""
    return any((folder / marker).is_file() for marker in MARKERS)


def ngff_attributes(group: zarr.Group) -> Mapping[str, Any]:
    """Return the OME-Zarr metadata: under ``ome`` since NGFF 0.5, at the top before."""
    attributes = group.attrs.asdict()
    ome = attributes.get("ome", attributes)
    return ome if isinstance(ome, dict) else {}


def listed_names(labels: zarr.Group) -> tuple[str, ...]:
    """Return the names of label images that a ``labels`` group lists; others are left out."""
    listed = ngff_attributes(labels).get("labels", ())
    if not isinstance(listed, (list, tuple)):
        return ()
    return tuple(name for name in listed if isinstance(name, str))


def member_group(parent: zarr.Group, name: str) -> zarr.Group:
    """Return the sub-group of this name.

    Raises
    ------
    UserError
        When it is not a group.
    """
    node = parent[name]
    if not isinstance(node, zarr.Group):
        raise UserError(f"{name!r} in {parent.store_path} is not a group; the OME-Zarr is damaged")
    return node


def member_array(parent: zarr.Group, name: str) -> ZarrArray:
    """Return the array of this name.

    Its chunks are checked before they are decoded.

    Raises
    ------
    UserError
        When it is not an array, or its compression is not supported.
    """
    node = parent[name]
    if not isinstance(node, zarr.Array):
        raise UserError(f"{name!r} in {parent.store_path} is not an array; the OME-Zarr is damaged")
    try:
        return check_zarr_chunks(node)
    except ValueError as error:
        raise UserError(f"{name!r} in {parent.store_path} cannot be read: {error}") from error


def folder_of(node: zarr.Group | ZarrArray) -> Path:
    """Return the folder of a group or an array on disk."""
    return Path(str(node.store_path).removeprefix("file://"))
