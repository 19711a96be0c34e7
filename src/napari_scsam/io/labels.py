"""Write label images as OME-Zarr, and read their class tables.

The metadata are written here, in one piece per group, rather than by the `ome-zarr` library. Its
writers change a group's attributes step by step. A crash between two steps would leave a label
image that cannot be resumed. The tests hold the result against `ome-zarr-models`.

Layout: ``PATH/labels/NAME/0`` holds the labels, ``1``, ``2`` … coarser copies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from napari_scsam.atomic import finish_replacing, replacing_folder
from napari_scsam.config import ClassSpec, UserError, VoxelSize, parse_classes
from napari_scsam.drafts import DRAFT_MARK
from napari_scsam.io.contents import Contents, check_outside, is_ours, what_is
from napari_scsam.io.find_labels import first_class_table
from napari_scsam.io.label_files.kinds import LABEL_FILE_KINDS, check_suffix, read_label_record
from napari_scsam.io.label_files.record import LabelRecord
from napari_scsam.io.label_group import (
    Shape,
    add_names,
    existing_level,
    fill_group,
    labels_group,
    open_labels_group,
)
from napari_scsam.io.label_header import LabelHeader, label_header
from napari_scsam.io.label_pyramid import build_levels
from napari_scsam.io.label_root import point_root, root_name
from napari_scsam.io.locations import is_address
from napari_scsam.io.ngff import refresh_consolidated
from napari_scsam.io.own_files import LABEL_IMAGE, foreign_files
from napari_scsam.io.read_errors import explaining
from napari_scsam.io.remote.labels import remote_group
from napari_scsam.io.zarr_access import (
    ZarrArray,
    folder_of,
    is_zarr,
    listed_names,
    member_group,
)


def create_labels(
    path: str | os.PathLike[str],
    shape: Sequence[int],
    voxel_size: VoxelSize | None,
    classes: Sequence[ClassSpec],
    *,
    name: str = "classes",
    dtype: npt.DTypeLike = "uint8",
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    resume: bool = False,
) -> ZarrArray:
    """Create an empty label image, to be filled slice by slice and closed by `finish_labels`.

    Parameters
    ----------
    path
        The OME-Zarr folder; created if missing. Other label images in it stay.
    shape
        (Y, X) or (Z, Y, X).
    voxel_size, origin
        nm along z, y, x; an unknown size is written as scale 1 without a unit.
    classes
        The class table; empty for instances.
    name
        Of the label image; one of this name is replaced, unless `resume`.
    dtype
        An integer type.
    resume
        Return the existing label image with its contents, if it has this shape, type and class
        table.

    Returns
    -------
    zarr.Array
        Level 0, writable; chunks are one slice deep.

    Raises
    ------
    UserError
        When the path holds something else, cannot be written, or cannot be resumed.
    """
    header = label_header(name, tuple(shape), voxel_size, classes, origin, np.dtype(dtype))
    labels = labels_group(Path(path))
    if resume and name in listed_names(labels):
        return existing_level(labels, header, tuple(shape), np.dtype(dtype))
    others = [n for n in listed_names(labels) if n != name]
    add_names(labels, others)
    group = labels.create_group(name, overwrite=True)
    level = fill_group(group, header, tuple(shape), np.dtype(dtype))
    add_names(labels, [*others, name])
    return level


def finish_labels(path: str | os.PathLike[str], name: str = "classes") -> None:
    """Build the coarser levels from level 0, some rows at a time; build them again after a change.

    Raises
    ------
    UserError
        When there is no such label image.
    """
    labels = labels_group(Path(path))
    if name not in listed_names(labels):
        known = ", ".join(listed_names(labels)) or "none"
        raise UserError(f"{path} has no label image {name!r}; it has: {known}")
    build_levels(member_group(labels, name))
    _refresh_root(Path(path), name)


def _refresh_root(path: Path, name: str) -> None:
    """Make the root of a file of labels an image of these, unless it is one of others."""
    if what_is(path) is Contents.LABELS and root_name(path) in ("", name):
        point_root(path, name)


def write_labels(
    path: str | os.PathLike[str],
    labels: npt.ArrayLike,
    voxel_size: VoxelSize | None,
    classes: Sequence[ClassSpec],
    *,
    name: str = "classes",
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    made: Mapping[str, Any] | None = None,
) -> None:
    """Write labels in memory as OME-Zarr, TIFF, MRC or HDF5; they appear when they are complete.

    Parameters
    ----------
    path
        ``*.zarr``, ``*.tif``, ``*.mrc`` or ``*.h5``. A file is replaced; in an OME-Zarr of ours,
        the label image of this name is.
    labels
        (Y, X) or (Z, Y, X) integers or booleans.
    voxel_size, classes, name, origin
        As in `create_labels`.
    made
        What a segmentation made them from; a file of labels records it, except an MRC.

    Raises
    ------
    UserError
        When the suffix, the labels or the place will not do.
    """
    path = Path(path)
    check_suffix(path)
    check_outside(path)
    values = np.asarray(labels)
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    header = label_header(name, values.shape, voxel_size, classes, origin, values.dtype)
    if path.suffix.lower() == ".zarr":
        with writing_labels(path, header, values.shape, values.dtype) as level:
            level[...] = values
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        write = LABEL_FILE_KINDS[path.suffix.lower()].write
        write(path, values, LabelRecord(header.classes, voxel_size, origin, made))


@contextmanager
def writing_labels(
    path: Path, header: LabelHeader, shape: Shape, dtype: np.dtype[Any]
) -> Iterator[ZarrArray]:
    """Yield level 0 of a label image in an OME-Zarr, which appears there when it is complete.

    Parameters
    ----------
    path
        The OME-Zarr. A new one appears when it is complete; in one of ours, the label image of
        this name is replaced.
    header, shape, dtype
        As in `replacing_labels`.

    Raises
    ------
    UserError
        When the path holds something else, or cannot be written.
    """
    finish_replacing(path)
    if path.is_file() or what_is(path) is not Contents.NOTHING:
        with replacing_labels(labels_group(path), header, shape, dtype) as level:
            yield level
        _refresh_root(path, header.name)
        return
    with writing_new_labels(path, [(header, dtype)], shape) as (level,):
        yield level


@contextmanager
def writing_new_labels(
    path: Path, images: Sequence[tuple[LabelHeader, np.dtype[Any]]], shape: Shape
) -> Iterator[list[ZarrArray]]:
    """Yield level 0 of each label image of a new OME-Zarr, which appears when all are complete.

    Parameters
    ----------
    path
        Where it appears; nothing is there.
    images
        Name, voxel size and class table of each image, and its type; other programs are shown the
        first one.
    shape
        Of all of them.

    Raises
    ------
    UserError
        When its folder cannot be created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error}); choose another place") from error
    with replacing_folder(path, lambda _: False) as draft:
        labels = open_labels_group(draft)
        groups = [labels.create_group(header.name) for header, _ in images]
        yield [
            fill_group(group, header, shape, dtype)
            for group, (header, dtype) in zip(groups, images, strict=True)
        ]
        for group in groups:
            build_levels(group)
        add_names(labels, [header.name for header, _ in images])
        point_root(draft, images[0][0].name)


@contextmanager
def replacing_labels(
    labels: zarr.Group, header: LabelHeader, shape: Shape, dtype: np.dtype[Any]
) -> Iterator[ZarrArray]:
    """Yield level 0 of a new label image, which appears under its name when it is complete.

    Parameters
    ----------
    labels
        The group ``labels/`` that lists it. A label image of this name is replaced if this package
        wrote it, and it holds nothing else.
    header
        Name, voxel size and class table.
    shape, dtype
        Of level 0, which is empty at first.
    """
    listed = listed_names(labels)
    target = folder_of(labels) / header.name
    with replacing_folder(target, is_own_label_image) as draft:
        group = zarr.open_group(draft, mode="a", zarr_format=labels.metadata.zarr_format)
        yield fill_group(group, header, shape, dtype)
        build_levels(group)
    add_names(labels, dict.fromkeys([*listed, header.name]))
    refresh_consolidated(folder_of(labels).parent)


def is_own_label_image(folder: Path) -> bool:
    """Whether a folder is a label image of ours, and nobody put anything into it."""
    return is_ours(folder) and not foreign_files(folder, (LABEL_IMAGE, re.escape(DRAFT_MARK)))


def read_class_table(path: str | os.PathLike[str]) -> tuple[ClassSpec, ...] | None:
    """Read the class table that `create_labels` or `write_labels` stored; `None` without one.

    Parameters
    ----------
    path
        The OME-Zarr, one of its label images (``PATH/labels/NAME``), or a file of labels; or the
        address of an OME-Zarr.

    Raises
    ------
    UserError
        When its metadata are damaged, or it has the suffix of a TIFF, MRC or HDF5 and is not one.
    """
    name = os.fspath(path)
    with explaining(name):
        if is_address(name):
            classes = first_class_table(remote_group(name))
        else:
            classes = _stored_classes(Path(path))
        if not classes:
            return None
        return parse_classes(classes)


def _stored_classes(path: Path) -> Any:
    """Read the first class table of a file, as JSON values."""
    if path.is_dir() and is_zarr(path):
        return first_class_table(zarr.open(path, mode="r"))
    if path.exists():
        return read_label_record(path).get("classes")
    return None
