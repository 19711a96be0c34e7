"""Finds the label image that is meant by the path of an OME-Zarr, whose image may lie beside it."""

from __future__ import annotations

from pathlib import Path

import zarr

from napari_scsam.config import UserError
from napari_scsam.io.lazy import READ_ERRORS
from napari_scsam.io.zarr_access import is_zarr, ngff_attributes

USUAL = "classes"
"""What class labels are called by the command line and in projects."""


def listed_labels(path: Path) -> tuple[str, ...]:
    """Name the label images in ``labels/`` of an OME-Zarr; none for other files, and for a label image itself."""
    if not (path.is_dir() and is_zarr(path)):
        return ()
    try:
        node = zarr.open(path, mode="r")
        inside = (
            node.get("labels")
            if isinstance(node, zarr.Group) and "image-label" not in ngff_attributes(node)
            else None
        )
        return (
            tuple(ngff_attributes(inside).get("labels", ()))
            if isinstance(inside, zarr.Group)
            else ()
        )
    except READ_ERRORS:  # who opens the labels says what is wrong
        return ()


def find_labels(path: Path) -> Path:
    """Return the only label image in an OME-Zarr or, among several, the one called ``classes``; other paths as they are.

    Raises
    ------
    UserError
        When there are several to choose from.
    """
    names = listed_labels(path)
    if not names:
        return path
    if len(names) > 1 and USUAL not in names:
        raise UserError(
            f"{path} holds several label images; give one of: {', '.join(str(path / 'labels' / name) for name in names)}"
        )
    return path / "labels" / (names[0] if len(names) == 1 else USUAL)
