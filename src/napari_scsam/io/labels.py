"""Writes label images as OME-Zarr (NGFF 0.5, zarr v3), and reads their class tables.

The metadata are written here, in one piece per group, rather than by the
`ome-zarr` library: its writers change a group's attributes step by step, so
that a crash between two steps would leave a label image that cannot be
resumed. The tests hold the result against `ome-zarr-models`.

Layout: ``PATH/labels/NAME/0`` holds the labels, ``1``, ``2`` ... coarser copies.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from napari_scsam.config import ClassSpec, UserError, VoxelSize, parse_classes
from napari_scsam.io.label_header import LabelHeader, label_header
from napari_scsam.io.label_pyramid import build_levels, new_level
from napari_scsam.io.label_tiff import write_label_tiff
from napari_scsam.io.slices import TIFF_SUFFIXES
from napari_scsam.io.tiff import open_tiff, scsam_record
from napari_scsam.io.zarr_volumes import (
    ZarrArray,
    is_zarr,
    member_array,
    member_group,
    ngff_attributes,
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
        The OME-Zarr folder; made if missing. Other label images in it stay.
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
        Give the label image that is there, with what it holds, if it has this shape, type and class table.

    Returns
    -------
    zarr.Array
        Level 0, writable; chunks are one slice deep.

    Raises
    ------
    UserError
        When the path holds something that is not ours, cannot be written, or cannot be resumed.
    """
    header = label_header(name, tuple(shape), voxel_size, classes, origin, np.dtype(dtype))
    labels = _labels_group(Path(path))
    if resume and name in _listed(labels):
        return _resumable(labels, header, tuple(shape), np.dtype(dtype))
    others = [n for n in _listed(labels) if n != name]
    _list(labels, others)
    level = _new_label(labels, name, header, tuple(shape), np.dtype(dtype))
    _list(labels, [*others, name])
    return level


def finish_labels(path: str | os.PathLike[str], name: str = "classes") -> None:
    """Build the coarser levels (every second voxel) from level 0, some rows at a time; again after a change.

    Raises
    ------
    UserError
        When there is no such label image.
    """
    labels = _labels_group(Path(path))
    if name not in _listed(labels):
        raise UserError(
            f"{path} has no label image {name!r}; it has: {', '.join(_listed(labels)) or 'none'}"
        )
    build_levels(member_group(labels, name))


def write_labels(
    path: str | os.PathLike[str],
    labels: npt.ArrayLike,
    voxel_size: VoxelSize | None,
    classes: Sequence[ClassSpec],
    *,
    name: str = "classes",
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> None:
    """Write labels held in memory, as OME-Zarr or TIFF by suffix; they appear at `path` only when complete.

    Parameters
    ----------
    path
        ``*.zarr``, ``*.tif`` or ``*.tiff``. A TIFF is replaced; in an OME-Zarr of ours, the label image of this name is.
    labels
        (Y, X) or (Z, Y, X) integers or booleans.
    voxel_size, classes, name, origin
        As in `create_labels`.

    Raises
    ------
    UserError
        When the suffix, the labels or the place will not do.
    """
    path = Path(path)
    values = np.asarray(labels)
    values = values.astype(np.uint8) if values.dtype.kind == "b" else values
    header = label_header(name, values.shape, voxel_size, classes, origin, values.dtype)
    if path.suffix.lower() == ".zarr":
        _write_zarr(path, values, header)
    elif path.suffix.lower() in TIFF_SUFFIXES:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_label_tiff(path, values, voxel_size, header.classes, origin)
    else:
        raise UserError(
            f"labels cannot be written as {path.suffix or path.name!r}; use a name that ends in .zarr or .tif"
        )


def read_class_table(path: str | os.PathLike[str]) -> tuple[ClassSpec, ...] | None:
    """Read the class table that `create_labels` or `write_labels` put beside the labels; `None` without one.

    Parameters
    ----------
    path
        The OME-Zarr, one of its label images (``PATH/labels/NAME``), or a TIFF.

    Raises
    ------
    UserError
        When it is called a TIFF and is none.
    """
    path = Path(path)
    classes: Any = None
    if path.is_dir() and is_zarr(path):
        classes = next(filter(None, map(_classes, _label_groups(zarr.open(path, mode="r")))), None)
    elif path.is_file() and path.suffix.lower() in TIFF_SUFFIXES:
        with open_tiff(path) as tif:
            classes = scsam_record(tif).get("classes")
    return parse_classes(classes) if classes else None


def _labels_group(path: Path) -> zarr.Group:
    """Open ``labels/`` of an OME-Zarr of ours, or make both in an empty place."""
    if path.is_file() or (path.is_dir() and any(path.iterdir()) and not is_ours(path)):
        raise UserError(
            f"{path} is there already and is no label file of napari-scsam; choose another name, or move it away"
        )
    try:
        root = zarr.open_group(path, mode="a", zarr_format=3)
        if "scsam" not in root.attrs:
            root.update_attributes({"scsam": {"format": 1}})
        return root.require_group("labels")
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error}); choose another place") from error


def is_ours(path: Path) -> bool:
    """Return whether a folder is an OME-Zarr that this package made."""
    if not is_zarr(path):
        return False
    try:
        root = zarr.open(path, mode="r")
    except ValueError:  # its metadata are broken
        return False
    return isinstance(root, zarr.Group) and "scsam" in root.attrs


def _listed(labels: zarr.Group) -> list[str]:
    return list(ngff_attributes(labels).get("labels", ()))


def _list(labels: zarr.Group, names: Iterable[str]) -> None:
    """Announce the label images; one exists for readers once it is named here."""
    labels.update_attributes({"ome": {"version": "0.5", "labels": list(names)}})


def _new_label(
    labels: zarr.Group, key: str, header: LabelHeader, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> ZarrArray:
    group = labels.create_group(key, overwrite=True)
    level = new_level(group, "0", shape, dtype)
    group.update_attributes(header.attributes([[1] * len(shape)]))
    return level


def _resumable(
    labels: zarr.Group, header: LabelHeader, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> ZarrArray:
    group = member_group(labels, header.name)
    level = member_array(group, "0")
    stored = _classes(group)
    if (
        level.shape != shape
        or level.dtype != dtype
        or (parse_classes(stored) if stored else ()) != header.classes
    ):
        raise UserError(
            f"the labels {header.name!r} cannot be resumed: they are {level.shape} {level.dtype} with {len(stored)} classes, "
            f"not {shape} {dtype} with the same {len(header.classes)}; choose another output"
        )
    return level


def _write_zarr(path: Path, values: npt.NDArray[Any], header: LabelHeader) -> None:
    """Write beside the final place, then move there."""
    labels = _labels_group(path)
    draft = f".{header.name}.{os.getpid()}.part"
    folder = path / "labels"
    try:
        _new_label(labels, draft, header, values.shape, values.dtype)[...] = values
        build_levels(member_group(labels, draft))
        shutil.rmtree(folder / header.name, ignore_errors=True)
        (folder / draft).replace(folder / header.name)
    finally:
        shutil.rmtree(folder / draft, ignore_errors=True)
    _list(labels, dict.fromkeys([*_listed(labels), header.name]))


def _label_groups(node: zarr.Group | ZarrArray) -> Iterator[zarr.Group]:
    """Return the group itself and the label images that it or its ``labels/`` lists."""
    if not isinstance(node, zarr.Group):
        return
    yield node
    labels = node.get("labels", node)
    if isinstance(labels, zarr.Group):
        yield from (member_group(labels, name) for name in _listed(labels))


def _classes(group: zarr.Group) -> list[dict[str, Any]]:
    record = group.attrs.get("scsam", {})
    return list(record.get("classes", ())) if isinstance(record, dict) else []
