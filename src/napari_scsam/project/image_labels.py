"""Writes a project's labels into the OME-Zarr of its image, where every viewer of that image finds them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_scsam.config import UserError
from napari_scsam.io.label_header import label_header
from napari_scsam.io.label_pyramid import build_levels, new_level
from napari_scsam.io.zarr_access import is_zarr, member_group, ngff_attributes
from napari_scsam.project.project import CLASSES, Project
from napari_scsam.steps import Progress

IMAGE_LABELS = "organelles"
"""What they are called there."""


def write_into_image(
    project: Project, *, name: str = IMAGE_LABELS, replace: bool = False
) -> Generator[Progress, None, Path | None]:
    """Add the class labels to ``labels/`` of the image, with scale, unit, colours and a pyramid.

    Parameters
    ----------
    project
        Whose labels.
    name
        What to call them.
    replace
        Put them in the place of labels of this name.

    Returns
    -------
    pathlib.Path or None
        Where they are; None when there are such labels already and they may not be replaced.

    Raises
    ------
    UserError
        When the image is no OME-Zarr of version 0.5, or cannot be written.
    """
    labels = labels_group(Path(str(project.record.image.find(project.path).path)))
    names = list(ngff_attributes(labels).get("labels", ()))
    if name in names and not replace:
        return None
    source = project.array(CLASSES)
    draft = f".{name}.{os.getpid()}.part"
    folder = Path(str(labels.store_path).removeprefix("file://"))
    header = label_header(
        name,
        source.shape,
        project.voxel_size,
        project.class_table(),
        project.record.image.origin,
        source.dtype,
    )
    try:
        group = labels.create_group(draft, overwrite=True)
        level = new_level(group, "0", source.shape, np.dtype(source.dtype))
        group.update_attributes(header.attributes([[1] * source.ndim]))
        yield from copy_slices(source, level)
        build_levels(member_group(labels, draft))
        if name in names:
            shutil.rmtree(folder / name)
        (folder / draft).replace(folder / name)
    finally:
        shutil.rmtree(folder / draft, ignore_errors=True)
    labels.update_attributes(
        {
            "ome": {
                **ngff_attributes(labels),
                "version": "0.5",
                "labels": list(dict.fromkeys([*names, name])),
            }
        }
    )
    return folder / name


def copy_slices(source: Any, level: Any) -> Generator[Progress, None, None]:
    """Copy the slices that hold anything."""
    touched = sorted(source.touched()) if source.ndim == 3 else [0]
    for number, z in enumerate(touched):
        yield Progress(number, len(touched), f"writing slice {z}")
        key = z if source.ndim == 3 else ...
        level[key] = source[key]


def labels_group(path: Path) -> zarr.Group:
    """Open ``labels/`` of an OME-Zarr image, or make it."""
    advice = "save the labels layer as a file of its own instead (File > Save Selected Layers …, file type ScSAM Organelle labels)"
    if not (path.is_dir() and is_zarr(path)):
        raise UserError(f"{path.name} is no OME-Zarr, so labels cannot go into it; {advice}")
    try:
        node = zarr.open(path, mode="r+")
        if not isinstance(node, zarr.Group) or not ngff_attributes(node).get("multiscales"):
            raise UserError(
                f"{path.name} is a zarr without OME metadata, so other programs would not find labels in it; {advice}"
            )
        if node.metadata.zarr_format != 3:
            raise UserError(
                f"{path.name} is an OME-Zarr older than 0.5, into which we do not write; {advice}"
            )
        return node.require_group("labels")
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error}); {advice}") from error
