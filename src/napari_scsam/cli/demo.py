"""``scsam demo``."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.cli.shared.parts import command, show
from napari_scsam.config import UserError

if TYPE_CHECKING:
    from napari_scsam.volume.demo import Demo


def add_demo(commands: Any) -> None:
    """Describe ``scsam demo``."""
    parser = command(
        commands,
        "demo",
        run_demo,
        "Segment the shipped image of real tissue and show it in napari; needs no network.",
    )
    parser.add_argument(
        "--headless",
        type=Path,
        metavar="DIR",
        help="open no window: write the labels and a picture to this folder",
    )


def run_demo(arguments: argparse.Namespace) -> None:
    """Segment the sample; then open it in napari, or print where it is."""
    from napari_scsam.volume.demo import write_demo

    folder = arguments.headless or Path(tempfile.mkdtemp(prefix="scsam-demo-"))
    demo = show(write_demo(folder))
    print(f"sample: {demo.about}")
    print(f"image: {demo.image}")
    print(f"labels: {demo.labels}")
    print(f"picture: {demo.picture}")
    if arguments.headless is None:
        open_napari(demo)


def open_napari(demo: Demo) -> None:
    """Open napari on a demonstration, in a process of its own: the command line knows no Qt.

    Raises
    ------
    UserError
        When napari ends with an error.
    """
    window = [sys.executable, "-m", "napari", str(demo.image), str(demo.labels)]
    window += ["--plugin", "napari-scsam", "--with", "napari-scsam"]
    if subprocess.run(window, check=False).returncode:  # noqa: S603 - our own interpreter and files
        raise UserError(
            "napari could not open; read its messages above, or look at the picture instead"
        )
