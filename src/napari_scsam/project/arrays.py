"""Open the arrays in the folder of a project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import zarr

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.label_header import image_label
from napari_scsam.io.read_errors import READ_ERRORS
from napari_scsam.io.zarr_access import ZarrArray, member_array, member_group, ngff_attributes
from napari_scsam.project.strokes import STROKES

PREDICTED = "predicted"
"""What the model wrote last; other programs do not see it."""


def open_root(path: Path, *, writable: bool = True) -> zarr.Group:
    """Open the zarr group of a project."""
    mode: Literal["r", "r+"] = "r"
    if writable:
        mode = "r+"
    return zarr.open_group(path, mode=mode)


def open_label_group(path: Path, *, writable: bool = True) -> zarr.Group:
    """Open the group of the label images of a project."""
    return member_group(open_root(path, writable=writable), "labels")


def write_classes(labels: zarr.Group, name: str, classes: Sequence[ClassSpec]) -> None:
    """Write the class table of a label image; what else its metadata hold stays."""
    group = member_group(labels, name)
    ome = {**ngff_attributes(group), "image-label": image_label(classes)}
    stored: Any = group.attrs.get("scsam")
    if not isinstance(stored, dict):
        stored = {}
    table = [c.to_dict() for c in classes]
    group.update_attributes({"ome": ome, "scsam": {**stored, "classes": table}})


def open_stored(path: Path, name: str, shape: Sequence[int], *, writable: bool) -> ZarrArray:
    """Open an array of a project.

    Parameters
    ----------
    path
        The folder of the project.
    name
        Of a label image, of `PREDICTED`, or of strokes.
    shape
        Of the image.
    writable
        Whether it will be changed.

    Raises
    ------
    UserError
        When the array is damaged.
    """
    try:
        stored = _open(path, name, writable=writable)
    except READ_ERRORS as error:
        raise UserError(
            f"'{name}' of the project {path} is damaged ({error}); give it up or restore it"
        ) from error
    if stored.shape != tuple(shape) or stored.dtype.kind not in "iu":
        raise UserError(
            f"'{name}' of the project {path} is damaged: it is {stored.shape} {stored.dtype}, "
            f"the image is {tuple(shape)}; give it up or restore it"
        )
    if 0 in stored.chunks:
        raise UserError(
            f"'{name}' of the project {path} is damaged: its chunks are {stored.chunks}; "
            "give it up or restore it"
        )
    return stored


def _open(path: Path, name: str, *, writable: bool) -> ZarrArray:
    if name.startswith(f"{STROKES}/"):
        return member_array(open_root(path, writable=writable), name)
    member = f"{name}/0"
    if name == PREDICTED:
        member = name
    return member_array(open_label_group(path, writable=writable), member)
