"""Export a project as a training set, for ``scsam train`` or for nnU-Net.

A training set is a folder: the corrected labels, the mask of what a person has reviewed,
``recipe.toml`` that refers to the image, and ``provenance.json``. It appears at its place when it
is complete.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.atomic import finish_replacing, replacing_folder
from napari_scsam.config import TaughtClass, UserError
from napari_scsam.errors import saying_os_errors
from napari_scsam.io.contents import check_outside
from napari_scsam.io.label_files.record import LabelRecord
from napari_scsam.io.label_files.tiff import write_label_tiff
from napari_scsam.io.labels import create_labels, finish_labels
from napari_scsam.io.own_files import LABEL_IMAGE, foreign_files, list_files
from napari_scsam.json_files import read_json_object, write_json
from napari_scsam.project.arrays import PREDICTED
from napari_scsam.project.nnunet import write_nnunet
from napari_scsam.project.project import CLASSES, REVIEWED, REVIEWED_TABLE, Project
from napari_scsam.project.provenance import (
    TRAINING_SET_FORMAT,
    count_changes,
    describe_origin,
    slice_origin,
)
from napari_scsam.project.recipe_text import TAUGHT, Start, recipe_text
from napari_scsam.project.review import count_values
from napari_scsam.project.reviewed_classes import ReviewedPart, gather_parts
from napari_scsam.steps import Progress, Steps

RECIPE = "recipe.toml"
PROVENANCE = "provenance.json"

TIFF_LIMIT = 2**32
"""Voxels above which a training set must be OME-Zarr: TIFF and nnU-Net need the whole volume."""

Layout = Callable[[Project, Path, Sequence[int], Path], Steps[None]]
"""Writes the given slices of a project into the first folder, which becomes the second."""


def export_training_set(
    project: Project,
    out: Path,
    layout: str = "ome-zarr",
    *,
    checkpoint: Path | str | None = None,
    renumber: bool = False,
    taught: Sequence[TaughtClass] = (),
    sam: str = "",
    replace: bool = False,
) -> Steps[Path]:
    """Write the reviewed part of a project as a training set; returns its folder.

    Parameters
    ----------
    project
        What was annotated. Only reviewed pixels teach.
    out
        The folder.
    layout
        ``"ome-zarr"``, ``"tiff"`` or ``"nnunet"``.
    checkpoint
        Where training starts: a file, or a name that is known on other machines too. Classes of
        the project that it lacks are added to it.
    renumber
        Whether its class ids differ from the project's, which are then used.
    taught
        Classes that it learned from strokes; training starts from those, too.
    sam
        Size of its SAM, e.g. ``"vit_b"``, to start from that alone because it knows no classes.
    replace
        Replace the training set at `out`.

    Raises
    ------
    UserError
        When nothing is reviewed, `out` exists or cannot be written, or the volume is too large for
        the layout.
    """
    finish_replacing(out)
    _check_place(out, replace)
    write = _check_layout(project, layout)
    slices, parts = yield from look_at_slices(project)
    if not slices:
        raise UserError(
            "nothing is reviewed yet, so there is nothing to learn from; "
            "mark slices as reviewed first"
        )
    start = Start(checkpoint, renumber, bool(taught), sam)
    with saying_os_errors():
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing_folder(out, may_be_replaced) as draft:
            yield from write(project, draft, list(slices), out)
            origin = describe_origin(project, project.class_table(), slices)
            write_json(draft / PROVENANCE, {**origin, "case": _case_of(out)})
            if layout in LABELS_FILE:
                if taught:
                    write_json(draft / TAUGHT, [known.to_dict() for known in taught])
                text = recipe_text(project, out, LABELS_FILE[layout], start, parts)
                (draft / RECIPE).write_text(text, encoding="utf-8")
    return out


def is_training_set(folder: Path) -> bool:
    """Whether a folder is a training set that this package wrote."""
    record = read_json_object(folder / PROVENANCE) or {}
    return record.get("format") == TRAINING_SET_FORMAT


def may_be_replaced(folder: Path) -> bool:
    """Whether a folder is a training set, and nobody put anything into it."""
    return is_training_set(folder) and not files_beside(folder)


def files_beside(folder: Path) -> list[str]:
    """Return what is in the folder of a training set and does not belong to it."""
    record = read_json_object(folder / PROVENANCE) or {}
    case = record.get("case") or _case_of(folder)
    name = re.escape(str(case))
    labels = rf"labels\.zarr/(zarr\.json|labels/(zarr\.json|({CLASSES}|{REVIEWED})/{LABEL_IMAGE}))"
    nnunet = (rf"imagesTr/{name}(_0000\.tif|\.json)", rf"labelsTr/{name}\.(tif|json)")
    return foreign_files(folder, (*OWN_FILES, labels, *nnunet))


def _case_of(folder: Path) -> str:
    """Return the name of the case in nnU-Net's layout, from the name of the folder."""
    return folder.name.split("_", 1)[-1]


def _check_place(out: Path, replace: bool) -> None:
    check_outside(out)
    if not out.exists():
        return
    if not replace:
        raise UserError(f"'{out.name}' already exists; choose another name, or allow replacing it")
    if not (is_training_set(out) or _is_empty_folder(out)):
        raise UserError(
            f"'{out.name}' is not a training set of napari-scsam, so it is not replaced; "
            "choose another name"
        )
    beside = files_beside(out)
    if beside and not _is_empty_folder(out):
        raise UserError(
            f"'{out.name}' holds more than its training set ({list_files(beside)}), so it is not "
            "replaced; choose another name, or move that away"
        )


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and next(path.iterdir(), None) is None


def _check_layout(project: Project, layout: str) -> Layout:
    write = LAYOUTS.get(layout)
    if write is None:
        raise UserError(f"there is no layout {layout!r}; choose from {', '.join(LAYOUTS)}")
    if layout != "ome-zarr" and project.reviewed.size > TIFF_LIMIT:
        raise UserError(f"the volume is too large for the layout {layout}; export it as OME-Zarr")
    return write


def look_at_slices(
    project: Project,
) -> Steps[tuple[dict[int, dict[str, Any]], list[ReviewedPart]]]:
    """Count what was predicted and changed, on each slice with reviewed pixels.

    Returns
    -------
    tuple
        The record of each slice, and what was reviewed for the same classes.
    """
    labels = project.intact(CLASSES)
    classes = project.class_table()
    touched = [0]
    if labels.ndim == 3:
        touched = sorted(project.reviewed.touched())
    slices = {}
    counts = {}
    for number, z in enumerate(touched):
        yield Progress(number, 2 * len(touched), f"looking at slice {z}")
        key = slice_key(labels, z)
        reviewed = project.intact(REVIEWED)[key]
        if reviewed.any():
            changes = count_changes(project.intact(PREDICTED)[key], labels[key], reviewed, classes)
            slices[z] = slice_origin(reviewed, changes)
            counts[z] = count_values(reviewed)
    return slices, gather_parts(project, counts)


def slice_key(array: Any, z: int) -> Any:
    """Return the index of slice `z`; a (Y, X) array is its only slice."""
    if array.ndim == 3:
        return z
    return ...


def write_ome_zarr(project: Project, folder: Path, slices: Sequence[int], out: Path) -> Steps[None]:  # noqa: ARG001  # all layouts are called alike
    """Write labels and mask as label images of one OME-Zarr, with pyramids."""
    path = folder / "labels.zarr"
    image = project.record.image
    size = project.voxel_size
    for name, classes in ((CLASSES, project.class_table()), (REVIEWED, REVIEWED_TABLE)):
        source = project.intact(name)
        dtype = source.dtype
        target = create_labels(
            path, image.shape, size, classes, name=name, dtype=dtype, origin=image.origin
        )
        for number, z in enumerate(slices):
            yield Progress(len(slices) + number, 2 * len(slices), f"writing slice {z}")
            key = slice_key(source, z)
            target[key] = source[key]
        finish_labels(path, name)


def write_tiff_stacks(
    project: Project,
    folder: Path,
    slices: Sequence[int],
    out: Path,  # noqa: ARG001  # all layouts are called alike
) -> Steps[None]:
    """Write labels and mask as two TIFF stacks of the image's shape."""
    origin = project.record.image.origin
    files = (
        (CLASSES, "labels.tif", project.class_table()),
        (REVIEWED, "reviewed.tif", REVIEWED_TABLE),
    )
    for number, (name, file, classes) in enumerate(files):
        yield Progress(2 + number, 4, f"writing {name}")
        values = read_slices_of(project.intact(name), slices)
        record = LabelRecord(classes, project.voxel_size, origin)
        write_label_tiff(folder / file, values, record)


def read_slices_of(source: Any, slices: Sequence[int]) -> NDArray[Any]:
    """Read some slices of a volume; the others are zero in the result."""
    if source.ndim == 2:
        whole: NDArray[Any] = source[...]
        return whole
    values = np.zeros(source.shape, source.dtype)
    for z in slices:
        values[z] = source[z]
    return values


LAYOUTS: Mapping[str, Layout] = {
    "ome-zarr": write_ome_zarr,
    "tiff": write_tiff_stacks,
    "nnunet": write_nnunet,
}
OWN_FILES = (
    r"recipe\.toml",
    r"provenance\.json",
    r"taught\.json",
    r"(labels|reviewed)\.tif",
    r"dataset\.json",
)
"""Files of a training set; patterns."""
LABELS_FILE = {"ome-zarr": f"labels.zarr/labels/{CLASSES}", "tiff": "labels.tif"}
"""Where a recipe finds the labels; nnU-Net needs no recipe."""
