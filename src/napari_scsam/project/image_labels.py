"""Write a project's labels into the OME-Zarr of its image, where other viewers find them."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from napari_scsam.config import UserError
from napari_scsam.io.contents import is_ours
from napari_scsam.io.image_labels import open_image_labels
from napari_scsam.io.label_header import label_header
from napari_scsam.io.labels import is_own_label_image, replacing_labels
from napari_scsam.io.zarr_access import folder_of, listed_names
from napari_scsam.project.project import CLASSES, Project
from napari_scsam.steps import Progress

IMAGE_LABELS = "organelles"
"""Their name in the image."""


def may_hold_labels(project: Project) -> bool:
    """Whether the image of a project can be an OME-Zarr; a single file is none."""
    return not Path(project.record.image.absolute).is_file()


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
        Replace labels of this name.

    Returns
    -------
    pathlib.Path or None
        Where they are; None when such labels exist and may not be replaced.

    Raises
    ------
    UserError
        When the image is not an OME-Zarr of version 0.4 or 0.5, or cannot be written. Also when it
        has labels of another program under this name.
    """
    image = project.record.image
    labels = open_image_labels(Path(str(image.find(project.path).path)), ADVICE)
    target = folder_of(labels) / name
    if name in listed_names(labels) and not replace:
        return None
    if target.exists() and not is_ours(target):
        raise UserError(f"{target} was written by another program; choose another name")
    if target.exists() and not is_own_label_image(target):
        raise UserError(f"{target} holds other files, so it is not replaced; move them away")
    source = project.intact(CLASSES)
    table = project.class_table()
    size = project.voxel_size
    header = label_header(name, source.shape, size, table, image.origin, source.dtype)
    with replacing_labels(labels, header, source.shape, source.dtype) as level:
        yield from copy_slices(source, level)
    return target


def copy_slices(source: Any, level: Any) -> Generator[Progress, None, None]:
    """Copy the slices that hold anything."""
    if source.ndim == 2:
        yield Progress(0, 1, "writing the labels")
        level[...] = source[...]
        return
    touched = sorted(source.touched())
    for number, z in enumerate(touched):
        yield Progress(number, len(touched), f"writing slice {z}")
        level[z] = source[z]


ADVICE = (
    "save the labels layer as its own file instead "
    "(File > Save Selected Layers …, file type ScSAM Organelle labels)"
)
