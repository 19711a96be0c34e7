"""``scsam measure``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_scsam.cli.parts import command, note, show
from napari_scsam.config import UserError

LABELS_HELP = (
    "labels of classes or objects that scsam or the plugin wrote (OME-Zarr or TIFF), "
    "an OME-Zarr image with labels in it, or a project"
)


def add_measure(commands: Any) -> None:
    """Describe ``scsam measure``."""
    parser = command(
        commands,
        "measure",
        run_measure,
        "Write a table of every organelle: volume, diameter, centre.",
    )
    parser.add_argument("labels", type=Path, metavar="LABELS", help=LABELS_HELP)
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="TABLE.csv")


def run_measure(arguments: argparse.Namespace) -> None:
    """Measure the connected objects of each class."""
    from napari_scsam.io.contents import is_label_image
    from napari_scsam.io.find_labels import find_labels, listed_labels
    from napari_scsam.io.labels import read_class_table
    from napari_scsam.io.volumes import open_labels
    from napari_scsam.volume.measure.organelles import (
        MIN_VOXELS,
        measure,
        measure_objects,
        write_table,
    )

    path = find_labels(arguments.labels)
    labels = open_labels(path)
    classes = read_class_table(path)
    if classes is None and not is_label_image(path):
        raise UserError(
            f"{path} has no class table; give labels that scsam segment or the plugin wrote"
        )
    if is_unfinished(path):
        note(
            f"scsam: {arguments.labels} is not finished, and slices without labels count as empty; "
            "finish it with scsam segment --resume"
        )
    if classes is None:
        rows = show(measure_objects(labels))
    else:
        rows = show(measure(labels, classes))
    write_table(arguments.out, rows)
    if not rows:
        note(
            f"scsam: {arguments.labels} holds no object of {MIN_VOXELS} voxels or more, "
            "so the table has only a header"
        )
    names = listed_labels(arguments.labels)
    if len(names) > 1:
        note(f"scsam: {path.name!r} was measured, of the label images {', '.join(names)}")
    print(arguments.out)


def is_unfinished(labels: Path) -> bool:
    """Whether labels are those of a segmentation that was stopped."""
    from napari_scsam.volume.ledger import LEDGER

    return any((folder / LEDGER).is_file() for folder in (labels, *labels.parents[:2]))
