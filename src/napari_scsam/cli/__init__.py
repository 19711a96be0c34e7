"""The command line: parses, calls, prints; nothing else.

Exit codes: 0 success, 2 a mistake the user can mend (one line on stderr says
how), 1 a fault of ours.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence

from napari_scsam import __version__
from napari_scsam.cli.checkpoints import add_checkpoints
from napari_scsam.cli.parts import Parser, say
from napari_scsam.cli.scoring import add_evaluate, add_measure
from napari_scsam.cli.segmenting import add_demo, add_embed, add_segment
from napari_scsam.cli.training import add_training
from napari_scsam.config import UserError


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``scsam``; gives the exit code."""
    arguments = build_parser().parse_args(argv)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what libraries say to their programmers
    logging.getLogger("tifffile").setLevel(
        logging.CRITICAL
    )  # a damaged file is told in our own sentence
    try:
        arguments.run(arguments)
    except UserError as error:
        say(
            f"scsam: {' '.join(str(error).split())}"
        )  # some libraries put line breaks into what we quote
        return 2
    except OSError as error:
        what = error.filename or "a file"
        why = error.strerror or error
        say(
            f"scsam: {what} cannot be read or written ({why}); check its path, its rights and the disk"
        )
        return 2
    except KeyboardInterrupt:
        say(f"scsam: stopped{getattr(arguments, 'resume_hint', '')}")
        return 130
    return 0


def build_parser() -> Parser:
    """Describe every command."""
    parser = Parser(prog="scsam", description="Organelle segmentation in electron microscopy.")
    parser.add_argument("--version", action="version", version=f"scsam {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_segment(commands)
    add_embed(commands)
    add_evaluate(commands)
    add_measure(commands)
    add_demo(commands)
    add_checkpoints(commands)
    add_training(commands)
    return parser
