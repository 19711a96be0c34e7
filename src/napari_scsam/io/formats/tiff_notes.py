"""What programs write into the description of a TIFF: ImageJ, OME, tifffile and this package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import tifffile


def scsam_record(tif: tifffile.TiffFile) -> Mapping[str, Any]:
    """Return what this package wrote into the description; empty for other files.

    It has the class table, the voxel size and the origin.
    """
    found = read_description(tif)
    if "scsam" not in found:
        found = _json(ome_image(tif).get("Description"))
    return _json(found.get("scsam"))


def _json(value: Any) -> Mapping[str, Any]:
    """Return a JSON object, also from its text; empty for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    if isinstance(value, dict):
        return value
    return {}


def read_description(tif: tifffile.TiffFile) -> Mapping[str, Any]:
    """Return ImageJ's or tifffile's own description as a mapping."""
    if tif.is_imagej:
        return tif.imagej_metadata or {}
    if tif.is_shaped and tif.shaped_metadata:
        return tif.shaped_metadata[0]
    return {}


def ome_image(tif: tifffile.TiffFile) -> Mapping[str, Any]:
    """Return the first Image element of the OME-XML; empty without one."""
    if not tif.is_ome or tif.ome_metadata is None:
        return {}
    try:
        images = tifffile.xml2dict(tif.ome_metadata).get("OME", {}).get("Image", {})
    except (ParseError, AttributeError, RecursionError):
        return {}
    if isinstance(images, (list, tuple)) and images:
        images = images[0]
    if isinstance(images, dict):
        return images
    return {}


ORIENTATION = 274
"""Number of the tag that says how an image is turned, in TIFF and EXIF."""


def turned_note(path: Path, orientation: Any) -> tuple[str, ...]:
    """Return a note if a file says that its image is to be shown turned or mirrored.

    Parameters
    ----------
    path
        The file.
    orientation
        As TIFF and EXIF number it; 1 is as stored. ImageJ, napari and tifffile show it as stored.
    """
    if orientation not in range(2, 9):
        return ()
    return (f"{path} says that it is shown turned or mirrored; it was read as it is stored",)
