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
    open_image,
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
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--resume", action="store_true", help="continue a stopped run (OUT must end in .zarr)"
    )
    existing.add_argument(
        "--overwrite",
        action="store_true",
        help="replace labels or a stopped run at OUT, when the new ones are whole (never a project)",
    )
    add_careful(parser)
    add_model_options(parser)


def run_segment(arguments: argparse.Namespace) -> None:
    """Label a volume."""
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.volume.run import segment_volume
    from napari_scsam.volume.run_labels import find_stopped

    volume = open_image(arguments)
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
    stopped = find_stopped(arguments.out)
    first = next(steps)  # a mistake shows here, and then its line is the only one
    if arguments.out.suffix.lower() == ".zarr":
        arguments.resume_hint = "; add --resume to the same command to continue"
    note_unknown_size(volume, model)
    if arguments.resume:
        note_resumed(arguments.out, first, was_stopped=stopped is not None)
    show(steps)
    print(arguments.out)


def note_resumed(out: Path, first: Progress, *, was_stopped: bool) -> None:
    """Print where a run is continued, or why it is not."""
    if first.done and first.done == first.total:
        note(f"scsam: the labels in {out} are finished, so nothing is left to do")
    elif first.done:
        note(f"scsam: resuming at {first.what}; earlier slices are done")
    elif was_stopped:
        note(f"scsam: no slice in {out} was finished, so it starts from the beginning")
    else:
        note(f"scsam: there is no stopped run in {out}, so it starts from the beginning")
