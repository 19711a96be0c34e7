"""What is at a path: nothing, our labels, a project, or something of somebody else."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Any

import zarr

from napari_scsam.atomic import leads_nowhere
from napari_scsam.config import UserError, parse_classes
from napari_scsam.io.formats.n5 import ATTRIBUTES
from napari_scsam.io.formats.precomputed import is_precomputed
from napari_scsam.io.label_files.kinds import is_label_file, read_label_record
from napari_scsam.io.read_errors import READ_ERRORS
from napari_scsam.io.zarr_access import is_zarr, ngff_attributes

FOLDER_SUFFIXES = (".zarr", ".precomputed")
"""Of labels that are a folder; those of other suffixes are a file."""


class Contents(Enum):
    """What may be at a path that is to be written."""

    NOTHING = "nothing"
    """Nothing, or an empty file or folder that what has this suffix can replace."""
    LABELS = "labels"
    """Labels that this package wrote: OME-Zarr, or one file with its record."""
    PROJECT = "project"
    """An annotation project, damaged or not."""
    FOREIGN = "foreign"
    """Anything else. It is never written over."""


def what_is(path: Path) -> Contents:
    """Return what is at a path; only names and metadata are read."""
    if leads_nowhere(path):  # what it leads to may come back
        return Contents.FOREIGN
    if not path.exists():
        return Contents.NOTHING
    if path.is_dir():
        return _folder_contents(path)
    if not path.is_file():  # a pipe or a device, which has no size
        return Contents.FOREIGN
    if path.stat().st_size == 0 and path.suffix.lower() not in FOLDER_SUFFIXES:
        return Contents.NOTHING
    if is_label_file(path) and _has_record(path):
        return Contents.LABELS
    return Contents.FOREIGN


def check_no_link(out: Path) -> None:
    """Check that an output that is written as a whole folder is no link to a folder.

    A folder takes the place of another one in a step; that of a link it cannot take.

    Raises
    ------
    UserError
        When it is one.
    """
    if out.is_symlink() and out.is_dir():
        raise UserError(f"{out} is a link to a folder; give the folder itself, or another name")


def check_not_read_only(out: Path) -> None:
    """Check that nobody protects what is at an output.

    Raises
    ------
    UserError
        When it is read-only.
    """
    if out.exists() and not os.access(out, os.W_OK):
        raise UserError(f"{out} is read-only; make it writable, or give another name")


def is_ours(folder: Path) -> bool:
    """Whether a folder is a zarr group that this package created."""
    return _scsam_attribute(folder) is not None


def _folder_contents(folder: Path) -> Contents:
    if is_label_file(folder) and _has_record(folder):
        return Contents.LABELS
    if not is_zarr(folder):
        return Contents.NOTHING if _can_be_filled(folder) else Contents.FOREIGN
    record = _scsam_attribute(folder)
    if record is None:
        return Contents.FOREIGN
    if isinstance(record, dict) and "project" in record:
        return Contents.PROJECT
    return Contents.LABELS


def _can_be_filled(folder: Path) -> bool:
    """Whether a folder is empty, and its name is not that of a file."""
    if is_label_file(folder) and folder.suffix.lower() not in FOLDER_SUFFIXES:
        return False
    return _is_empty(folder)


def _is_empty(folder: Path) -> bool:
    try:
        return next(folder.iterdir(), None) is None
    except OSError:  # what cannot be listed is not known to be empty
        return False


def _scsam_attribute(folder: Path) -> Any:
    """Read our record of a zarr group; None when there is none, or the metadata are damaged."""
    if not is_zarr(folder):
        return None
    try:
        return zarr.open_group(folder, mode="r").attrs.get("scsam")
    except READ_ERRORS:  # an array, or damaged metadata
        return None


def is_label_image(path: Path) -> bool:
    """Whether a file holds labels: one that we wrote, or an OME-Zarr label image of anybody.

    The labels of objects have no class table.
    """
    if _is_zarr_label(path):
        return True
    return path.exists() and is_label_file(path) and _has_record(path)


def _is_zarr_label(folder: Path) -> bool:
    if not is_zarr(folder):
        return False
    try:
        return "image-label" in ngff_attributes(zarr.open_group(folder, mode="r"))
    except READ_ERRORS:
        return False


def _has_record(path: Path) -> bool:
    """Whether a file carries the record that this package writes with labels."""
    try:
        classes = read_label_record(path).get("classes")
        return classes == [] or bool(classes and parse_classes(classes))
    except (UserError, *READ_ERRORS):
        return False


def check_outside(out: Path, advice: str = "choose a place outside of it") -> None:
    """Check that an output would not lie inside an image that is a folder.

    Other programs would find it among the chunks, and who replaces the image would lose it.

    Parameters
    ----------
    out
        What is to be written; it need not exist.
    advice
        What to do instead, at the end of the message.

    Raises
    ------
    UserError
        When one of the folders around it is a zarr, an N5 or a precomputed volume.
    """
    places = (Path(os.path.abspath(out)), Path(os.path.realpath(out)))  # noqa: PTH100 - links, too
    for folder in (outer for place in places for outer in place.parents):
        if is_zarr(folder):
            raise UserError(f"{out} lies inside the zarr {folder}; {advice}")
        if (folder / ATTRIBUTES).is_file() or is_precomputed(folder):
            raise UserError(f"{out} lies inside the volume {folder}; {advice}")
