"""``scsam segment``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_scsam.cli.parts import (
    add_careful,
    add_model_options,
    command,
    note,
    note_unknown_size,
    parse_names,
    show,
)
from napari_scsam.steps import Progress


def add_segment(commands: Any) -> None:
    """Describe ``scsam segment``."""
    parser = command(commands, "segment", run_segment, "Label the organelles of a volume.")
    parser.add_argument(
        "image",
        metavar="IN",
        help="OME-Zarr, zarr, TIFF, MRC, HDF5 (file.h5:/path) or a folder of slices",
    )
    parser.add_argument(
        "-o",
        "--out",
        required=True,
        type=Path,
        metavar="OUT",
        help="labels: .zarr (resumable, any size) or .tif",
    )
    parser.add_argument(
        "--classes", metavar="a,b", help="names of the classes to write (default: all)"
    )
    parser.add_argument("--resume", action="store_true", help="continue a stopped run")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace finished labels at OUT (never a project)"
    )
    add_careful(parser)
    add_model_options(parser)


def run_segment(arguments: argparse.Namespace) -> None:
    """Label a volume."""
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.io.volumes import open_volume
    from napari_scsam.volume.ledger import LEDGER
    from napari_scsam.volume.run import segment_volume

    volume = open_volume(arguments.image, arguments.voxel_size)
    model = load_checkpoint(arguments.checkpoint)
    steps = segment_volume(
        volume,
        model,
        arguments.out,
        classes=parse_names(arguments.classes),
        device=arguments.device,
        tta=arguments.careful,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
    )
    was_stopped = (arguments.out / LEDGER).is_file()
    first = next(steps)  # a mistake shows here, and then its line is the only one
    if arguments.out.suffix.lower() == ".zarr":
        arguments.resume_hint = "; add --resume to the same command to continue"
    note_unknown_size(volume, model)
    if was_stopped:
        note_resumed(arguments, first)
    show(steps)
    print(arguments.out)


def note_resumed(arguments: argparse.Namespace, first: Progress) -> None:
    """Print whether a stopped run is continued, or cannot be."""
    if first.done:
        note(f"scsam: resuming at {first.what}; earlier slices are done")
    elif arguments.resume:
        note(
            f"scsam: no slice in {arguments.out} was finished with these settings, image and "
            "checkpoint, so it starts from the beginning"
        )
