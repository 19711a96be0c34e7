"""Write a project as a data set of nnU-Net v2.

See nnU-Net's ``documentation/dataset_format.md`` and ``ignore_label.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.json_files import write_json
from napari_scsam.project.project import CLASSES, REVIEWED, Project
from napari_scsam.project.review import count_values
from napari_scsam.project.reviewed_classes import (
    classes_of_number,
    gather_parts,
    reviewed_slices,
)
from napari_scsam.steps import Progress, Steps

NNUNET_NAMES = ("background", "ignore")
"""Classes that nnU-Net adds."""


def write_nnunet(project: Project, folder: Path, slices: Sequence[int], out: Path) -> Steps[None]:
    """Write image and labels with consecutive classes; what is not reviewed is ``ignore``.

    Only the slices from the first reviewed one to the last are written.

    Parameters
    ----------
    folder
        Where to write.
    slices
        Those with reviewed pixels.
    out
        The final folder; its name has the name of the case, as in ``Dataset007_cell``.
    """
    table = nnunet_table(reviewed_table(project))
    yield Progress(2, 4, "reading the image")
    span: Any = ...
    if project.reviewed.ndim == 3:
        span = slice(min(slices), max(slices) + 1)
    classes = reviewed_table(project)
    image = project.record.image.find(project.path)
    case = out.name.split("_", 1)[-1]
    spacing = {"spacing": [float(v) for v in (project.voxel_size or (1.0, 1.0, 1.0))]}
    labels = labels_with_ignore(project, span, classes)
    for part, name, content in (
        ("imagesTr", f"{case}_0000", image.data[span]),
        ("labelsTr", case, labels),
    ):
        yield Progress(3, 4, f"writing {part}")
        (folder / part).mkdir()
        _write_stack(folder / part / f"{name}.tif", content)
        write_json(folder / part / f"{case}.json", spacing)
    write_json(folder / "dataset.json", table)


def reviewed_table(project: Project) -> tuple[ClassSpec, ...]:
    """Return the classes that some slice was reviewed for, in the order of the table."""
    counts = {z: count_values(mask) for z, mask in reviewed_slices(project)}
    meant = {id_ for part in gather_parts(project, counts) for id_ in part.classes}
    return tuple(spec for spec in project.class_table() if spec.id in meant)


def labels_with_ignore(
    project: Project, span: Any, classes: Sequence[ClassSpec]
) -> NDArray[np.uint8]:
    """Return labels numbered from 1 on; what is unknown gets the number after the last.

    A pixel that is reviewed for some of the classes is known where it has one of them.
    """
    labels = project.intact(CLASSES)[span]
    mask = project.intact(REVIEWED)[span]
    ids = [spec.id for spec in classes]
    ignore = np.uint8(len(classes) + 1)
    new = np.zeros(max(int(labels.max()), *ids) + 1, np.uint8)
    new[ids] = range(1, len(classes) + 1)
    return np.where(_known(project, labels, mask, ids), new[labels], ignore)


def _known(
    project: Project, labels: NDArray[Any], mask: NDArray[Any], ids: Sequence[int]
) -> NDArray[np.bool_]:
    """Return where a review decides about all of some classes."""
    known = np.zeros(labels.shape, bool)
    for number in count_values(mask):
        meant = classes_of_number(project, number)
        if set(ids) <= set(meant):
            known |= mask == number
        else:
            known |= (mask == number) & np.isin(labels, meant)
    return known


def nnunet_table(classes: Sequence[ClassSpec]) -> dict[str, Any]:
    """Return the contents of ``dataset.json``.

    Raises
    ------
    UserError
        When a class is called as one of the two that nnU-Net adds.
    """
    for spec in classes:
        if spec.name in NNUNET_NAMES:
            raise UserError(f"nnU-Net has a class {spec.name!r} of its own; rename the class")
    numbers = {spec.name: number for number, spec in enumerate(classes, 1)}
    return {
        "channel_names": {"0": "EM"},
        "labels": {"background": 0, **numbers, "ignore": len(classes) + 1},
        "numTraining": 1,
        "file_ending": ".tif",
        "overwrite_image_reader_writer": "Tiff3DIO",
    }


def _write_stack(file: Path, content: NDArray[Any]) -> None:
    """Write (Z, Y, X); a single slice becomes a stack of one."""
    if content.ndim == 2:
        content = content[None]
    tifffile.imwrite(file, content, compression="zlib", photometric="minisblack")
