"""``scsam segment``, ``embed`` and ``demo``."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from napari_scsam.cli.parts import (
    add_careful,
    add_model_options,
    command,
    parse_names,
    say,
    say_unknown_size,
    show,
)
from napari_scsam.config import UserError


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
        metavar="OUT",
        help="labels: .zarr (resumable, any size) or .tif",
    )
    parser.add_argument(
        "--classes", metavar="a,b", help="names of the classes to write (default: all)"
    )
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
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
    chosen = {
        "classes": parse_names(arguments.classes),
        "device": arguments.device,
        "tta": arguments.careful,
    }
    steps = segment_volume(
        volume,
        model,
        arguments.out,
        **chosen,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
    )
    stopped = (Path(arguments.out) / LEDGER).is_file()
    first = next(steps)  # a mistake shows here, and then its line is the only one
    if Path(arguments.out).suffix.lower() == ".zarr":
        arguments.resume_hint = "; give the same command with --resume to go on"
    say_unknown_size(volume, model)
    if stopped and first.done:
        say(f"scsam: going on at {first.what}; those before it are done")
    elif stopped and arguments.resume:
        say(
            f"scsam: no slice in {arguments.out} was finished with these settings, image and checkpoint, so it begins anew"
        )
    show(steps)
    print(arguments.out)


def add_embed(commands: Any) -> None:
    """Describe ``scsam embed``."""
    parser = command(
        commands,
        "embed",
        run_embed,
        "Do the slow part ahead: later, every slice of the volume is segmented at once.",
    )
    parser.add_argument("image", metavar="VOLUME", help="as for segment")
    add_careful(parser, "keep all the views that segment --careful and Look carefully need")
    add_model_options(parser)


def run_embed(arguments: argparse.Namespace) -> None:
    """Keep a volume's embeddings on disk, and say where and how large they are."""
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.infer.disk_cache import default_cache
    from napari_scsam.io.volumes import open_volume
    from napari_scsam.volume.embed import embed_volume

    volume = open_volume(arguments.image, arguments.voxel_size)
    model = load_checkpoint(arguments.checkpoint)
    disk = default_cache()
    steps = embed_volume(volume, model, disk, arguments.device, tta=arguments.careful)
    next(steps)  # a mistake shows here, and then its line is the only one
    say_unknown_size(volume, model)
    arguments.resume_hint = "; what is done is kept, and the same command goes on from there"
    taken = show(steps)
    if disk is not None:
        print(f"{disk.root}: {taken / 1e6:.1f} MB of at most {disk.limit / 1e9:g} GB")


def add_demo(commands: Any) -> None:
    """Describe ``scsam demo``."""
    parser = command(
        commands,
        "demo",
        run_demo,
        "Segment a sample with the shipped checkpoint and show it in napari.",
    )
    parser.add_argument(
        "--headless",
        type=Path,
        metavar="DIR",
        help="open no window: write the labels and a picture there",
    )


def run_demo(arguments: argparse.Namespace) -> None:
    """Segment the sample; then open napari on it, or say where it lies."""
    from napari_scsam.volume.demo import write_demo

    folder = arguments.headless or Path(tempfile.mkdtemp(prefix="scsam-demo-"))
    demo = show(write_demo(folder))
    print(
        f"sample: {demo.about}\nimage: {demo.image}\nlabels: {demo.labels}\npicture: {demo.picture}"
    )
    if arguments.headless is None:
        # The window lives in a process of its own: this room knows no Qt.
        window = [
            sys.executable,
            "-m",
            "napari",
            str(demo.image),
            str(demo.labels),
            "--plugin",
            "napari-scsam",
            "--with",
            "napari-scsam",
        ]
        if subprocess.run(window, check=False).returncode:  # noqa: S603 - our own interpreter and files
            raise UserError(
                "napari could not open; see what it says above, or look at the picture instead"
            )
