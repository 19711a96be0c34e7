"""Find the label image of an OME-Zarr, which may hold an image, too, and its class table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zarr

from napari_scsam.config import UserError
from napari_scsam.io.read_errors import READ_ERRORS
from napari_scsam.io.zarr_access import (
    ZarrArray,
    is_zarr,
    listed_names,
    member_group,
    ngff_attributes,
)

USUAL = "classes"
"""Name of the class labels, from the command line and in projects."""


def listed_labels(path: Path) -> tuple[str, ...]:
    """Return the names of the label images in an OME-Zarr.

    There are none for other files, and for a label image itself.
    """
    if not (path.is_dir() and is_zarr(path)):
        return ()
    try:
        node = zarr.open(path, mode="r")
        if not isinstance(node, zarr.Group) or "image-label" in ngff_attributes(node):
            return ()
        inside = node.get("labels")
        if not isinstance(inside, zarr.Group):
            return ()
        return listed_names(inside)
    except READ_ERRORS:  # opening the labels tells what is wrong
        return ()


def find_labels(path: Path) -> Path:
    """Return the only label image in an OME-Zarr, or the one called ``classes``.

    Other paths are returned as they are.

    Raises
    ------
    UserError
        When there are several, and none is called ``classes``.
    """
    names = listed_labels(path)
    if not names:
        return path
    if len(names) == 1:
        return path / "labels" / names[0]
    if USUAL not in names:
        listed = ", ".join(str(path / "labels" / name) for name in names)
        raise UserError(f"{path} holds several label images; choose one of: {listed}")
    return path / "labels" / USUAL


def first_class_table(node: zarr.Group | ZarrArray) -> Any:
    """Return the first class table in a zarr; None without one."""
    return next(filter(None, map(stored_classes, _label_groups(node))), None)


def _label_groups(node: zarr.Group | ZarrArray) -> Iterator[zarr.Group]:
    """Return the group itself and the label images that it or its ``labels/`` lists."""
    if not isinstance(node, zarr.Group):
        return
    yield node
    labels = node.get("labels", node)
    if isinstance(labels, zarr.Group):
        yield from (member_group(labels, name) for name in listed_names(labels))


def stored_classes(group: zarr.Group) -> list[dict[str, Any]]:
    """Return the class table of a label image, as JSON values."""
    record = group.attrs.get("scsam")
    if not isinstance(record, dict):
        return []
    classes: Any = record.get("classes", ())
    return list(classes)
