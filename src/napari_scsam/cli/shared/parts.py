"""What every command has: one-line mistakes, options of the model, progress bars."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from tqdm import tqdm

from napari_scsam.class_names import parse_class_names
from napari_scsam.errors import UserError
from napari_scsam.steps import Progress, drive

if TYPE_CHECKING:
    from napari_scsam.io.volumes import Volume
    from napari_scsam.model import ScSAM
    from napari_scsam.remote.predictor import RemotePredictor

T = TypeVar("T")

CAREFUL = (
    "average four views of each slice (test-time augmentation): better, in four times the time"
)

COARSE = (
    "do not enlarge the image to the network's pixel size: a first look, less exact, "
    "in a quarter of the time at 10 nm"
)

LINE_SECONDS = 60.0
"""Seconds between lines of progress where there is no terminal, as in the log of a cluster."""


UNUSUAL_RATIO = 2.0
"""Of the sides of a pixel; images of slices that a microscope took have square ones."""

NOT_THE_IMAGE = ("labels", "reviewed", "strokes")
"""Options of files whose values are not grey values."""

SHORT_HOUR = 5400
"""Seconds below which a duration is printed in minutes."""


class Parser(argparse.ArgumentParser):
    """Reports a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2 and one sentence."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def command(commands: Any, name: str, run: Any, about: str) -> Parser:
    """Add a command that calls `run` with its arguments."""
    parser: Parser = commands.add_parser(name, help=about, description=about)
    parser.set_defaults(run=run)
    return parser


def add_model_options(parser: Parser) -> None:
    """Add the options of every command that runs a network on a volume."""
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
        help="z y x in nm, instead of the size in the file",
    )
    add_image_choice(parser)


def add_image_choice(parser: Parser) -> None:
    """Add the options that choose one image of several in a file."""
    for name, what in (("channel", "channel"), ("time", "time point")):
        parser.add_argument(
            f"--{name}",
            type=int,
            metavar="N",
            help=f"the {what} to take of several, from 0",
        )


def open_image(arguments: argparse.Namespace) -> Volume:
    """Open the image that a command names, and print what was taken for granted.

    Parameters
    ----------
    arguments
        With ``image`` and the options of `add_model_options`.

    Raises
    ------
    UserError
        When it cannot be opened, or another option names the same file.
    """
    from napari_scsam.io.images import open_grey_volume

    check_other_files(arguments)
    volume = open_grey_volume(
        arguments.image,
        arguments.voxel_size,
        channel=arguments.channel,
        time=arguments.time,
    )
    for text in volume.notes:
        note(f"scsam: {text}")
    return volume


def check_other_files(arguments: argparse.Namespace) -> None:
    """Check that no option takes the image itself for labels, a review or strokes.

    Raises
    ------
    UserError
        When one does; its grey values would count as labels.
    """
    image = os.path.realpath(arguments.image)
    for name in NOT_THE_IMAGE:
        path = getattr(arguments, name, None)
        if path is not None and os.path.realpath(path) == image:
            raise UserError(
                f"--{name} is the image itself; give another file, or labels inside it, "
                "such as em.zarr/labels/classes"
            )


def add_careful(parser: Parser, about: str = CAREFUL) -> None:
    """Add the option of several views."""
    parser.add_argument("--careful", action="store_true", help=about)


def add_coarse(parser: Parser) -> None:
    """Add the option of a quick look."""
    parser.add_argument("--coarse", action="store_true", help=COARSE)


def add_device(parser: Parser) -> None:
    """Add the option of the device."""
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or mps")


def add_workers(parser: Parser) -> None:
    """Add the options of every command that may run on several processes or machines."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", type=int, metavar="N", help="work in N processes on this computer"
    )
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="work on a dask scheduler, e.g. tcp://10.0.0.1:8786"
    )


def workers_of(arguments: argparse.Namespace) -> int | str | None:
    """Return the number of processes, the address of a scheduler, or None: work is done here."""
    if arguments.scheduler is not None:
        return str(arguments.scheduler)
    workers: int | None = arguments.workers
    return workers


def nanometres(text: str) -> float:
    """Read a number of a voxel size."""
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number; give z y x in nm, e.g. 40 8 8"
        ) from error


def parse_names(text: str | None) -> list[str] | None:
    """Read ``mitochondrion, PSD``; None when there is no text, and no name for an empty text.

    A name that holds a comma stands in double quotes.
    """
    if text is None:
        return None
    return parse_class_names(text)


def note_unknown_size(volume: Volume, network: ScSAM | RemotePredictor) -> None:
    """Print that the pixel size is unknown, where it matters, or unusual; it is never guessed."""
    if volume.size_doubt and volume.pixel_size is None:
        note(f"scsam: {volume.size_doubt}, so it is not used; set it with --voxel-size")
    trained_at = network.nm_per_pixel
    if volume.pixel_size is None and trained_at:
        note(
            "scsam: voxel size unknown, so the image is used at its own resolution; the checkpoint "
            f"was trained at {trained_at:g} nm per pixel (set it with --voxel-size)"
        )
    if volume.pixel_size is not None:
        y, x = volume.pixel_size
        if max(y, x) >= UNUSUAL_RATIO * min(y, x):
            note(
                f"scsam: pixels are {y:g} nm high and {x:g} nm wide, which is unusual; "
                "check the voxel size"
            )


def show(steps: Generator[Progress, None, T]) -> T:
    """Run long work behind a progress bar and return its result.

    Without a terminal, a line of progress is printed every `LINE_SECONDS` seconds.
    """
    if not sys.stderr.isatty():
        return drive(steps, _Lines().update)
    with tqdm(unit="") as bar:

        def update(step: Progress) -> None:
            bar.total = step.total
            bar.set_description(step.what, refresh=False)
            bar.update(step.done - bar.n)

        return drive(steps, update)


class _Lines:
    """Prints progress now and then."""

    def __init__(self) -> None:
        self._printed = time.monotonic()
        self._first: tuple[float, int] | None = None
        """When the first line was printed, and what was done then."""

    def update(self, step: Progress) -> None:
        """Print a step, if the last one is long ago."""
        now = time.monotonic()
        if now - self._printed > LINE_SECONDS:
            self._printed = now
            note(f"{step.what}, {step.done} of {step.total}{self._left(step, now)}")

    def _left(self, step: Progress, now: float) -> str:
        """Return a phrase on the time that is left, e.g. ``", 2.5 h left"``."""
        if self._first is None:
            self._first = (now, step.done)
            return ""
        start, before = self._first
        if step.done <= before:
            return ""
        seconds = (now - start) / (step.done - before) * (step.total - step.done)
        if seconds < SHORT_HOUR:
            return f", {seconds / 60:.0f} min left"
        return f", {seconds / 3600:.1f} h left"


def note(text: str) -> None:
    """Print a note on stderr, apart from the result."""
    print(text, file=sys.stderr, flush=True)
