"""What every command has: one-line mistakes, options of the model, progress bars."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from tqdm import tqdm

from napari_scsam.atomic import replacing
from napari_scsam.steps import Progress

if TYPE_CHECKING:
    from napari_scsam.io.volumes import Volume
    from napari_scsam.model import ScSAM


class Parser(argparse.ArgumentParser):
    """Says a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2 and one sentence."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def command(commands: Any, name: str, run: Any, about: str) -> Parser:
    """Add a command that calls `run` with its arguments."""
    parser: Parser = commands.add_parser(name, help=about, description=about)
    parser.set_defaults(run=run)
    return parser


def add_model_options(parser: Parser) -> None:
    """Add what every command asks that runs a network on a volume."""
    parser.add_argument(
        "--checkpoint",
        default="default",
        metavar="C",
        help="a name or a path (default: the shipped one)",
    )
    add_device(parser)
    parser.add_argument(
        "--voxel-size",
        nargs="+",
        type=nanometres,
        metavar="NM",
        help="z y x in nm, instead of what the file says",
    )


CAREFUL = (
    "average four views of each slice (test-time augmentation): better, in four times the time"
)


def add_careful(parser: Parser, about: str = CAREFUL) -> None:
    """Add the choice of several views."""
    parser.add_argument("--careful", action="store_true", help=about)


def nanometres(text: str) -> float:
    """Read a number of a voxel size."""
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number; give z y x in nm, e.g. 40 8 8"
        ) from error


def add_device(parser: Parser) -> None:
    """Add the choice of the device."""
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or mps")


def parse_names(text: str | None) -> list[str] | None:
    """Read ``mitochondrion, PSD``; None when there is no text."""
    return [name.strip() for name in text.split(",")] if text else None


def say_unknown_size(volume: Volume, model: ScSAM) -> None:
    """Tell that the pixel size is not known, where it matters; it is never guessed."""
    if volume.voxel_size is None and model.config.nm_per_pixel:
        say(
            f"scsam: voxel size unknown, so the image is taken as it is; the checkpoint was trained at "
            f"{model.config.nm_per_pixel:g} nm per pixel (tell the size with --voxel-size)"
        )


T = TypeVar("T")


LINE_EVERY = 60.0
"""Seconds between the lines that tell of long work where there is no terminal for a bar, as in the log of a cluster."""


def show(steps: Generator[Progress, None, T]) -> T:
    """Put a progress bar round long work and give its result; when not on a terminal, tell now and then how far it is."""
    terminal = sys.stderr.isatty()
    told = time.monotonic()
    with tqdm(unit="", disable=not terminal) as bar:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            if not terminal and time.monotonic() - told > LINE_EVERY:
                say(f"{step.what}, {step.done} of {step.total}")
                told = time.monotonic()
            bar.total = step.total
            bar.set_description(step.what, refresh=False)
            bar.update(step.done - bar.n)


def write_json(path: Path, data: Any) -> None:
    """Write JSON atomically."""
    with replacing(path) as draft:
        draft.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def say(text: str) -> None:
    """Tell something beside the result, on stderr."""
    print(text, file=sys.stderr, flush=True)
