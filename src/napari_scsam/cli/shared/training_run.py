"""What the commands share that train: options, refusals, and the losses as they fall."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from napari_scsam.cli.shared.parts import Parser, add_device, note
from napari_scsam.cli.shared.values import natural
from napari_scsam.config import UserError

if TYPE_CHECKING:
    from napari_scsam.train.schedule import TrainStep

RESUME_HINT = "; the same command resumes from what was saved last"
"""Printed when a training is stopped."""

LINE_EVERY = 20
"""Steps between lines of losses where there is no terminal."""

PROCESSES_HELP = (
    "how many processes draw crops ahead, so that a graphics card does not wait "
    "(default: as many as are free; none with a CPU)"
)

MOST_PROCESSES = 256

OVERWRITE_HELP = (
    "replace a finished run, or a stopped run with other settings "
    "(a stopped run with the same settings is resumed)"
)


def add_training_options(parser: Parser) -> None:
    """Add the options of every command that trains."""
    parser.add_argument("--overwrite", action="store_true", help=OVERWRITE_HELP)
    add_device(parser)
    parser.add_argument("--processes", type=processes, metavar="N", help=PROCESSES_HELP)


def processes(text: str) -> int:
    """Read a number of processes."""
    number = natural(text)
    if number > MOST_PROCESSES:
        raise argparse.ArgumentTypeError(
            f"{text} processes are too many; give at most {MOST_PROCESSES}"
        )
    return number


def processes_of(arguments: argparse.Namespace) -> int:
    """Return the number of processes asked for, or a number that suits the device."""
    from napari_scsam.infer.device import choose_device
    from napari_scsam.train.drawing import spare_processes

    asked: int | None = arguments.processes
    if asked is None:
        return spare_processes(choose_device(arguments.device))
    return asked


def restart_notice(arguments: argparse.Namespace) -> Callable[[str], None] | None:
    """Return the callback that announces a restarted run, or None without ``--overwrite``."""
    if not arguments.overwrite:
        return None

    def announce(sentence: str) -> None:
        note(f"scsam: {sentence}")

    return announce


def check_finished(out: Path, overwrite: bool) -> None:
    """Stop before the result of hours of training is replaced.

    Raises
    ------
    UserError
        When there is a checkpoint and no stopped run, or files of somebody else are in the way.
    """
    from napari_scsam.checkpoints.replace import check_replaceable
    from napari_scsam.train.resume import check_own_state, state_file
    from napari_scsam.train.run_folder import check_run_folder

    check_replaceable(out)
    check_run_folder(out)
    check_own_state(out)

    is_written = out.is_file() and out.stat().st_size > 0
    if is_written and not overwrite and not state_file(out).is_file():
        raise UserError(
            f"{out} already exists, and there is no stopped training to resume; "
            "choose another name, or add --overwrite to replace it"
        )


def report_run(out: Path) -> None:
    """Print what a run wrote: its record on stderr, and the checkpoint as the result."""
    from napari_scsam.train.run_folder import run_folder

    note(f"scsam: curves, pictures and the record of the run are in {run_folder(out)}")
    print(out)


def show_training(steps: Iterable[TrainStep], start: str, device: str) -> None:
    """Show losses as they fall, in a progress bar or every `LINE_EVERY` steps as a line.

    What the run starts from is printed with the first step, when the recipe has proved to be
    sound: a mistake is reported alone.
    """
    is_terminal = sys.stderr.isatty()
    first: int | None = None
    with tqdm(disable=not is_terminal) as bar:
        for step in steps:
            if first is None:
                first = step.step
                tqdm.write(describe_start(step, start, device), file=sys.stderr)
            losses = " ".join(f"{name} {value:.3f}" for name, value in step.losses.items())
            bar.total = step.total
            bar.set_postfix_str(losses, refresh=False)
            bar.update(step.step - bar.n)
            is_shown = step.step % LINE_EVERY == 0 or step.step in (first, step.total)
            if is_shown and not is_terminal:
                note(f"step {step.step}/{step.total} {losses} {step.seconds:.0f} s")


def describe_start(first: TrainStep, start: str, device: str) -> str:
    """Return the line above a run: what it starts from, on which device, and how long it is."""
    from napari_scsam.infer.device import choose_device

    line = f"scsam: training from {start} on {choose_device(device)}, {first.total} steps"
    if first.step > 1:
        line += f", resuming after step {first.step - 1}"
    return line
