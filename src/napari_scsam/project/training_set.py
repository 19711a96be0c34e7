"""Writes a project as a training set that ``scsam train`` reads as it is, and nnU-Net, too.

A training set is a folder: the corrected labels, the mask of what a person has
reviewed, ``recipe.toml`` that refers to the image, and ``provenance.json``. It
appears at its place when it is complete.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, TaughtClass, UserError
from napari_scsam.io.label_tiff import write_label_tiff
from napari_scsam.io.labels import create_labels, finish_labels
from napari_scsam.io.volumes import Volume
from napari_scsam.paths import weights_folder
from napari_scsam.project.project import CLASSES, REVIEWED, REVIEWED_TABLE, Project
from napari_scsam.project.provenance import count_changes, describe_origin, slice_origin
from napari_scsam.steps import Progress

RECIPE = "recipe.toml"
PROVENANCE = "provenance.json"
TAUGHT = "taught.json"

MAE_FILE = "mae_hybrid.safetensors"
"""The EM prior that is shipped."""

TIFF_LIMIT = 2**32
"""Voxels above which a training set must be OME-Zarr: TIFF and nnU-Net want the volume in one piece."""

Steps = Generator[Progress, None, None]


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
) -> Generator[Progress, None, Path]:
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
        What training shall start from: a file, or a name that is known on other machines too. Classes of the
        project that it lacks are added to it.
    renumber
        Whether it numbers classes otherwise than the project, whose table shall stand.
    taught
        Classes that it learned from strokes: training goes on from those, too.
    sam
        Size of its SAM, e.g. ``"vit_b"``, if that alone is to be started from because it knows no classes at all.
    replace
        Put it in the place of what is at `out`.

    Raises
    ------
    UserError
        When nothing is reviewed, there is something at `out`, or the volume is too large for the layout.
    """
    if out.exists() and not replace:
        raise UserError(
            f"'{out.name}' is there already; choose another name, or say that it may be replaced"
        )
    write = LAYOUTS.get(layout)
    if write is None:
        raise UserError(f"there is no layout {layout!r}; choose from {', '.join(LAYOUTS)}")
    if layout != "ome-zarr" and project.reviewed.size > TIFF_LIMIT:
        raise UserError(f"the volume is too large for the layout {layout}; export it as OME-Zarr")
    slices = yield from look_at_slices(project)
    if not slices:
        raise UserError(
            "nothing is reviewed yet, so there is nothing to learn from; mark slices as reviewed first"
        )
    draft = out.with_name(f".{out.name}.{os.getpid()}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        yield from write(project, draft, list(slices), out)
        origin = describe_origin(project, project.class_table(), slices)
        (draft / PROVENANCE).write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
        if layout != "nnunet":
            if taught:
                (draft / TAUGHT).write_text(
                    json.dumps([known.to_dict() for known in taught]) + "\n", encoding="utf-8"
                )
            text = recipe_text(
                project,
                out,
                LABELS_FILE[layout],
                checkpoint,
                renumber=renumber,
                taught=bool(taught),
                sam=sam,
            )
            (draft / RECIPE).write_text(text, encoding="utf-8")
        put_in_place(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return out


def look_at_slices(project: Project) -> Generator[Progress, None, dict[int, dict[str, Any]]]:
    """Count what was predicted and changed, on each slice with reviewed pixels."""
    labels = project.array(CLASSES)
    classes = project.class_table()
    touched = sorted(project.reviewed.touched()) if labels.ndim == 3 else [0]
    slices = {}
    for number, z in enumerate(touched):
        yield Progress(number, 2 * len(touched), f"looking at slice {z}")
        key = z if labels.ndim == 3 else ...
        reviewed = project.reviewed[key]
        if reviewed.any():
            slices[z] = slice_origin(
                reviewed, count_changes(project.predicted[key], labels[key], reviewed, classes)
            )
    return slices


def write_ome_zarr(project: Project, folder: Path, slices: Sequence[int], out: Path) -> Steps:  # noqa: ARG001  # all layouts are called alike
    """Write labels and mask as label images of one OME-Zarr, with pyramids."""
    image = project.record.image
    size = project.voxel_size
    for name, classes in ((CLASSES, project.class_table()), (REVIEWED, REVIEWED_TABLE)):
        source = project.array(name)
        target = create_labels(
            folder / "labels.zarr",
            image.shape,
            size,
            classes,
            name=name,
            dtype=source.dtype,
            origin=image.origin,
        )
        for number, z in enumerate(slices):
            yield Progress(len(slices) + number, 2 * len(slices), f"writing slice {z}")
            key = z if source.ndim == 3 else ...
            target[key] = source[key]
        finish_labels(folder / "labels.zarr", name)


def write_tiff(project: Project, folder: Path, slices: Sequence[int], out: Path) -> Steps:  # noqa: ARG001
    """Write labels and mask as two TIFF stacks of the image's shape."""
    for number, (name, classes) in enumerate(
        ((CLASSES, project.class_table()), (REVIEWED, REVIEWED_TABLE))
    ):
        yield Progress(2 + number, 4, f"writing {name}")
        values = only(project.array(name), slices)
        file = "labels.tif" if name == CLASSES else "reviewed.tif"
        write_label_tiff(
            folder / file, values, project.voxel_size, classes, project.record.image.origin
        )


def write_nnunet(project: Project, folder: Path, slices: Sequence[int], out: Path) -> Steps:
    """Write image and labels as nnU-Net v2 wants them: consecutive classes, and what is not reviewed as ``ignore``.

    Only the slices from the first reviewed one to the last are written.
    See nnU-Net's ``documentation/dataset_format.md`` and ``ignore_label.md``.
    """
    yield Progress(2, 4, "reading the image")
    classes = project.class_table()
    span = slice(min(slices), max(slices) + 1) if project.reviewed.ndim == 3 else ...
    labels = project.array(CLASSES)[span]
    reviewed = project.reviewed[span]
    ignore = len(classes) + 1
    new = np.zeros(max(int(labels.max()), *(spec.id for spec in classes)) + 1, np.uint8)
    new[[spec.id for spec in classes]] = range(1, ignore)
    values = np.where(reviewed != 0, new[labels], np.uint8(ignore))
    image = project.record.image.find(project.path)
    case = out.name.split("_", 1)[-1]
    spacing = [float(v) for v in (project.voxel_size or (1.0, 1.0, 1.0))]
    for part, name, content in (
        ("imagesTr", f"{case}_0000", image.data[span]),
        ("labelsTr", case, values),
    ):
        yield Progress(3, 4, f"writing {part}")
        (folder / part).mkdir()
        tifffile.imwrite(
            folder / part / f"{name}.tif",
            content if content.ndim == 3 else content[None],
            compression="zlib",
            photometric="minisblack",
        )
        (folder / part / f"{case}.json").write_text(
            json.dumps({"spacing": spacing}), encoding="utf-8"
        )
    (folder / "dataset.json").write_text(
        json.dumps(nnunet_table(classes, ignore), indent=2) + "\n", encoding="utf-8"
    )


def nnunet_table(classes: Sequence[ClassSpec], ignore: int) -> dict[str, Any]:
    """Return the contents of ``dataset.json``."""
    labels = {
        "background": 0,
        **{spec.name: number for number, spec in enumerate(classes, 1)},
        "ignore": ignore,
    }
    table = {
        "channel_names": {"0": "EM"},
        "labels": labels,
        "numTraining": 1,
        "file_ending": ".tif",
    }
    return {**table, "overwrite_image_reader_writer": "Tiff3DIO"}


LAYOUTS: Mapping[str, Callable[[Project, Path, Sequence[int], Path], Steps]] = {
    "ome-zarr": write_ome_zarr,
    "tiff": write_tiff,
    "nnunet": write_nnunet,
}
LABELS_FILE = {"ome-zarr": f"labels.zarr/labels/{CLASSES}", "tiff": "labels.tif"}


def recipe_text(
    project: Project,
    out: Path,
    labels: str,
    checkpoint: Path | str | None,
    *,
    renumber: bool = False,
    taught: bool = False,
    sam: str = "",
) -> str:
    """Write the recipe that ``scsam train`` takes as it is; paths are relative to the training set."""
    image: Volume = project.record.image.find(project.path)
    lines = [
        "# Made by napari-scsam from reviewed slices; run: scsam train THIS_FOLDER -o mine.safetensors"
    ]
    if checkpoint is not None:
        weights = (
            {"sam_weights": checkpoint, "mae_weights": weights_folder() / MAE_FILE}
            if sam
            else {"start": checkpoint}
        )
        lines += ["[model]", *([f'sam = "{sam}"', "tile = 512"] if sam else [])]
        lines += [f"{name} = {json.dumps(place(file, out))}" for name, file in weights.items()]
        lines += [
            "renumber = true  # it numbers classes otherwise than these labels; those of one name keep what they learned"
        ] * renumber
        lines += [f'taught = "{TAUGHT}"  # classes that it learned from strokes'] * taught
    for spec in project.class_table():
        lines += [
            "[[classes]]",
            f"id = {spec.id}",
            f"name = {json.dumps(spec.name)}",
            f'colour = "{spec.colour}"',
        ]
    lines += [
        "[training]",
        "steps = 300",
        *(
            ["crop = 512  # as the tile: a big SAM's positions are resized to one grid"]
            if sam
            else []
        ),
    ]
    lines += ["[[data]]", f"image = {json.dumps(relative(os.path.abspath(str(image.path)), out))}"]  # noqa: PTH100
    lines += [f"labels = {json.dumps(labels)}"]
    if project.voxel_size is not None:
        lines += [f"voxel_size = {[float(v) for v in project.voxel_size]}"]
    return "\n".join(lines) + "\n"


def place(file: Path | str, folder: Path) -> str:
    """Say in a recipe where weights are: a name stays as it is."""
    return file if isinstance(file, str) else relative(str(file.absolute()), folder)


def relative(path: str, folder: Path) -> str:
    """Return a path as seen from a folder, with ``/``; as it is where there is no way, as between drives of Windows."""
    try:
        return Path(os.path.relpath(path, folder.absolute())).as_posix()
    except ValueError:
        return path


def only(source: Any, slices: Sequence[int]) -> NDArray[Any]:
    """Read the slices that count, in a volume that is zero elsewhere."""
    if source.ndim == 2:
        whole: NDArray[Any] = source[...]
        return whole
    values = np.zeros(source.shape, source.dtype)
    for z in slices:
        values[z] = source[z]
    return values


def put_in_place(draft: Path, out: Path) -> None:
    """Move a finished folder to its place; what was there goes only when the new one is there."""
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    if out.exists():
        out.replace(old)
    draft.replace(out)
    if old.is_dir():
        shutil.rmtree(old)
    else:
        old.unlink(missing_ok=True)
