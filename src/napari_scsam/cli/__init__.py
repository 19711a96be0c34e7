"""The command line: parses, calls, prints; nothing else.

Exit code 0 is success. 2 is a mistake that the user can correct: one line on stderr says how. 1 is
a fault of the program, a complaint of the doctor, or a part that failed, which is named.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence
from itertools import pairwise

from napari_scsam.cli.checkpoints import add_checkpoints
from napari_scsam.cli.demo import add_demo
from napari_scsam.cli.doctor import add_doctor
from napari_scsam.cli.embed import add_embed
from napari_scsam.cli.evaluate import add_evaluate
from napari_scsam.cli.finetune import add_finetune
from napari_scsam.cli.import_results import add_import_results
from napari_scsam.cli.instances import add_instances
from napari_scsam.cli.measure import add_measure
from napari_scsam.cli.neuroglancer import add_neuroglancer
from napari_scsam.cli.pretrain import add_pretrain
from napari_scsam.cli.pseudo_label import add_pseudo_label
from napari_scsam.cli.segment import add_segment
from napari_scsam.cli.serve import add_serve
from napari_scsam.cli.shared.one_writer import alone_at_outputs
from napari_scsam.cli.shared.parts import Parser, note
from napari_scsam.cli.shared.streams import (
    BROKEN_PIPE,
    EndedError,
    OutputGoneError,
    ending_signals,
    flush_output,
    prepare_streams,
    printable,
)
from napari_scsam.cli.suggest import add_suggest
from napari_scsam.cli.teach import add_teach
from napari_scsam.cli.train import add_train
from napari_scsam.errors import (
    NoTorchError,
    PartlyDoneError,
    UserError,
    describe_os_error,
    is_missing_torch,
    without_drafts,
)
from napari_scsam.version import __version__

NO_MEMORY = "there is not enough memory; close other programs, or work on a part of the volume"

NAMES = ("--classes", "--name", "--checkpoint")
"""Options of names; they say themselves what is wrong with an empty one."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``scsam`` and return the exit code."""
    prepare_streams()
    parser = build_parser()
    arguments = parser.parse_args(argv)
    check_not_empty(parser, sys.argv[1:] if argv is None else argv)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries address them to programmers
    # A damaged file is reported in a sentence of our own.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    with ending_signals():
        return run_command(arguments)


def run_command(arguments: argparse.Namespace) -> int:
    """Run a command, print what was wrong in one line, and return the exit code."""
    try:
        with alone_at_outputs(arguments):
            code: int | None = arguments.run(arguments)
        flush_output()
    except ModuleNotFoundError as error:
        if not is_missing_torch(error):
            raise
        note(f"scsam: {NoTorchError(advice_without_torch(arguments))}")
        return 2
    except UserError as error:
        note(f"scsam: {printable(without_drafts(str(error)))}")
        return 1 if isinstance(error, PartlyDoneError) else 2
    except OutputGoneError:
        return BROKEN_PIPE
    except OSError as error:
        note(f"scsam: {printable(describe_os_error(error))}")
        return 2
    except MemoryError:
        note(f"scsam: {NO_MEMORY}")
        return 2
    except KeyboardInterrupt as error:
        note(f"scsam: stopped{getattr(arguments, 'resume_hint', '')}")
        return error.code if isinstance(error, EndedError) else 130
    return code or 0


def advice_without_torch(arguments: argparse.Namespace) -> str:
    """Return what to do on a computer without torch, other than to install it."""
    if hasattr(arguments, "server"):
        return "name a server by --server ADDRESS"
    return "run this command on the computer of the server"


def check_not_empty(parser: Parser, argv: Sequence[str]) -> None:
    """Exit with a sentence where a path is empty, as of a variable that a script never set.

    An empty path would mean the current folder.
    """
    for before, text in pairwise(("", *argv)):
        option, equals, value = text.partition("=")
        if not equals or not option.startswith("--"):
            option, value = before, text
        if not value.strip() and option not in NAMES:
            parser.error("an argument is empty; write a path or a name there")


def build_parser() -> Parser:
    """Describe every command."""
    parser = Parser(prog="scsam", description="Organelle segmentation in electron microscopy.")
    parser.add_argument("--version", action="version", version=f"scsam {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_segment(commands)
    add_serve(commands)
    add_embed(commands)
    add_evaluate(commands)
    add_instances(commands)
    add_measure(commands)
    add_import_results(commands)
    add_demo(commands)
    add_doctor(commands)
    add_checkpoints(commands)
    add_pretrain(commands)
    add_pseudo_label(commands)
    add_teach(commands)
    add_train(commands)
    add_finetune(commands)
    add_suggest(commands)
    add_neuroglancer(commands)
    return parser
