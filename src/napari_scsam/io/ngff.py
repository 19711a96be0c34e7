"""OME-Zarr metadata in both versions that are written: NGFF 0.5 in zarr v3, and 0.4 in zarr v2.

A new file is of version 0.5. Labels that go into an image of version 0.4 are of that version, too.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zarr
from zarr.errors import ZarrUserWarning

from napari_scsam.io.zarr_access import ngff_attributes

OLD = "0.4"
NEW = "0.5"

ZARR_FORMATS = {OLD: 2, NEW: 3}
"""Version of zarr, by that of NGFF."""

CONSOLIDATED = ".zmetadata"
"""File of zarr v2 with copies of all metadata below it."""


def version_of(group: zarr.Group) -> str:
    """Return the version of NGFF that is written into a group."""
    if group.metadata.zarr_format == ZARR_FORMATS[OLD]:
        return OLD
    return NEW


def as_attributes(values: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Return the attributes of a group that holds OME-Zarr metadata.

    Parameters
    ----------
    values
        The metadata without their version, such as ``{"labels": ["classes"]}``.
    version
        ``"0.4"``, which writes the version into each of them, or ``"0.5"``.
    """
    if version == NEW:
        return {"ome": {"version": NEW, **values}}
    versioned = dict(values)
    if "multiscales" in values:
        versioned["multiscales"] = [{"version": OLD, **each} for each in values["multiscales"]]
    if "image-label" in values:
        versioned["image-label"] = {"version": OLD, **values["image-label"]}
    return versioned


def update_ngff(group: zarr.Group, values: Mapping[str, Any]) -> None:
    """Change some of the OME-Zarr metadata of a group; the others stay."""
    version = version_of(group)
    kept: Mapping[str, Any] = {}
    if version == NEW:
        kept = {key: value for key, value in ngff_attributes(group).items() if key != "version"}
    group.update_attributes(as_attributes({**kept, **values}, version))


def refresh_consolidated(folder: Path) -> None:
    """Write the copies of all metadata again, if a zarr has such copies.

    Programs that read the copies would not find what was added since.
    """
    root = zarr.open_group(folder, mode="r")
    if (folder / CONSOLIDATED).is_file() or root.metadata.consolidated_metadata is not None:
        with warnings.catch_warnings():  # of files that are not zarr, and of zarr v3 itself
            warnings.simplefilter("ignore", ZarrUserWarning)
            zarr.consolidate_metadata(folder, zarr_format=root.metadata.zarr_format)
