"""The group of the label images of an OME-Zarr: found, created, filled."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_scsam.atomic import finish_replacing
from napari_scsam.config import ClassSpec, UserError, parse_classes
from napari_scsam.io.contents import Contents, what_is
from napari_scsam.io.find_labels import stored_classes
from napari_scsam.io.label_header import LabelHeader
from napari_scsam.io.label_pyramid import new_level
from napari_scsam.io.ngff import update_ngff, version_of
from napari_scsam.io.zarr_access import (
    ZarrArray,
    listed_names,
    member_array,
    member_group,
)

Shape = tuple[int, ...]
FORMAT_NUMBER = 1
"""Of label files. One that has a higher number is not changed."""


def labels_group(path: Path) -> zarr.Group:
    """Open ``labels/`` of an OME-Zarr of ours, or create both in an empty place."""
    if path.is_file() or what_is(path) is Contents.FOREIGN:
        raise UserError(
            f"{path} already exists and is not a label file of napari-scsam; "
            "choose another name, or move it away"
        )
    try:
        labels = open_labels_group(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error}); choose another place") from error
    for name in listed_names(labels):
        finish_replacing(path / "labels" / name)
    return labels


def open_labels_group(path: Path) -> zarr.Group:
    """Open ``labels/`` of an OME-Zarr, and create both where they are missing.

    Raises
    ------
    UserError
        When a newer version wrote it: what that added would be lost.
    """
    root = zarr.open_group(path, mode="a", zarr_format=3)
    record: Any = root.attrs.get("scsam")
    if record is None:
        root.update_attributes({"scsam": {"format": FORMAT_NUMBER}})
    number = record.get("format") if isinstance(record, dict) else None
    if isinstance(number, int) and number > FORMAT_NUMBER:
        raise UserError(
            f"{path} was written by a newer version (format {number}), so it is only read; "
            "update napari-scsam, or choose another name"
        )
    return root.require_group("labels")


def add_names(labels: zarr.Group, names: Iterable[str]) -> None:
    """List the label images; one exists for readers once it is named here."""
    update_ngff(labels, {"labels": list(names)})


def fill_group(
    group: zarr.Group, header: LabelHeader, shape: Shape, dtype: np.dtype[Any]
) -> ZarrArray:
    """Create an empty level 0 and the metadata of a label image."""
    level = new_level(group, "0", shape, dtype)
    group.update_attributes(header.attributes([[1] * len(shape)], version_of(group)))
    return level


def existing_level(
    labels: zarr.Group, header: LabelHeader, shape: Shape, dtype: np.dtype[Any]
) -> ZarrArray:
    """Return level 0 of the existing label image, if it is what would be created."""
    group = member_group(labels, header.name)
    level = member_array(group, "0")
    stored = stored_classes(group)
    table: tuple[ClassSpec, ...] = ()
    if stored:
        table = parse_classes(stored)
    if (level.shape, level.dtype, table) != (shape, dtype, header.classes):
        raise UserError(
            f"the labels {header.name!r} cannot be resumed: "
            f"they are {level.shape} {level.dtype} with {len(stored)} classes, "
            f"not {shape} {dtype} with the same {len(header.classes)}; choose another output"
        )
    return level
