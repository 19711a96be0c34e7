"""``scsam pseudo-label``."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.cli.shared.parts import (
    add_model_options,
    command,
    note,
    note_unknown_size,
    open_image,
    parse_names,
    show,
)
from napari_scsam.config import UserError

if TYPE_CHECKING:
    from napari_scsam.io.label_files.record import LabelRecord
    from napari_scsam.train.pseudo_labels import ByteMask, LabelArray


def add_pseudo_label(commands: Any) -> None:
    """Describe ``scsam pseudo-label``."""
    parser = command(
        commands,
        "pseudo-label",
        run_pseudo_label,
        "Label a volume where a checkpoint is certain, to train on.",
    )
    parser.add_argument(
        "image",
        metavar="VOLUME",
        help="as for segment; sliced along z, y and x where its voxels are nearly cubes",
    )
    parser.add_argument(
        "-o",
        "--out",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder for labels.tif and reviewed.tif",
    )
    parser.add_argument(
        "--classes", metavar="a,b", help="names of the classes to label (default: all)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the labels in DIR")
    add_model_options(parser)


def run_pseudo_label(arguments: argparse.Namespace) -> None:
    """Write labels where they are certain, and the mask of these places."""
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.io.label_files.record import LabelRecord
    from napari_scsam.train.pseudo_labels import pseudo_labels
    from napari_scsam.volume.output import check_no_slice, check_output, make_writable_folder

    image = open_image(arguments)
    predictor = Predictor(load_checkpoint(arguments.checkpoint), arguments.device)
    steps = pseudo_labels(predictor, image, parse_names(arguments.classes))
    next(steps)  # a mistake shows here, and then its line is the only one
    out = arguments.out / "labels.tif"
    mask = arguments.out / "reviewed.tif"
    check_output(out, arguments.overwrite)
    check_no_slice(out, image.path)
    check_mask(mask, overwrite=arguments.overwrite)
    is_new = not arguments.out.exists()
    make_writable_folder(out)
    note_unknown_size(image, predictor.model)
    labels, known = show(steps)
    if not known.any():
        if is_new:
            arguments.out.rmdir()
        raise UserError(
            f"{arguments.checkpoint} is certain of no voxel, so there is nothing to train on and "
            "nothing was written; try another checkpoint or other classes"
        )
    record = LabelRecord(predictor.classes, image.voxel_size, image.origin)
    write_certain(out, mask, labels, known, record)
    note(
        f"scsam: {known.mean():.0%} of the voxels are labelled; name labels.tif in a recipe, "
        "and scsam train finds reviewed.tif next to it"
    )
    print(out)


def write_certain(
    out: Path, mask: Path, labels: LabelArray, known: ByteMask, record: LabelRecord
) -> None:
    """Write labels and the mask of where they are certain.

    While both are replaced, the mask is empty: labels without their own mask would count as
    certain everywhere.
    """
    from napari_scsam.io.label_files.tiff import write_label_tiff

    of_mask = replace(record, classes=())
    write_label_tiff(mask, 0 * known, of_mask)
    write_label_tiff(out, labels, record)
    write_label_tiff(mask, known, of_mask)


def check_mask(mask: Path, *, overwrite: bool) -> None:
    """Check that the mask of what is labelled does not replace one that a person made.

    Raises
    ------
    UserError
        When there is a mask that must not be replaced.
    """
    from napari_scsam.io.formats.tiff import open_tiff
    from napari_scsam.io.formats.tiff_notes import scsam_record
    from napari_scsam.io.read_errors import READ_ERRORS

    if not os.path.lexists(mask):
        return
    try:
        with open_tiff(mask) as tif:
            ours = bool(scsam_record(tif))
    except (UserError, *READ_ERRORS):
        ours = False
    if not ours:
        raise UserError(f"{mask} was not written by napari-scsam; choose another folder")
    if not overwrite:
        raise UserError(f"{mask} already exists; add --overwrite to replace it")
