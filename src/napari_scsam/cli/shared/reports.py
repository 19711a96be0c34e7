"""Reports that a command writes beside its result, as JSON."""

from __future__ import annotations

import argparse
import os
from collections.abc import Set as AbstractSet
from pathlib import Path

from napari_scsam.cli.shared.parts import Parser
from napari_scsam.errors import UserError
from napari_scsam.json_files import read_json_object
from napari_scsam.paths import comparable_path

LARGEST = 1 << 26
"""Bytes; a larger file is not a report."""


def add_report(parser: Parser, about: str) -> None:
    """Add the option that names the report."""
    parser.add_argument("--json", type=Path, metavar="REPORT", help=about)


def check_report(arguments: argparse.Namespace, *kinds: AbstractSet[str]) -> None:
    """Check that the report may be written: only an older report of the command is replaced.

    Call it before the work that may take hours.

    Parameters
    ----------
    arguments
        With the option of `add_report`, and perhaps with ``out``.
    kinds
        The keys of each kind of report that the command writes.

    Raises
    ------
    UserError
        When something else is there or goes there, or its folder is missing or cannot be written.
    """
    from napari_scsam.volume.output import make_writable_folder

    path: Path | None = arguments.json
    if path is None:
        return
    if not path.parent.is_dir():
        raise UserError(f"the folder of {path} does not exist; create it, or choose another place")
    if os.path.lexists(path) and not any(is_report(path, keys) for keys in kinds):
        raise UserError(
            f"{path} already exists and is not such a report; give the report another name"
        )
    out = getattr(arguments, "out", None)
    if out is not None and comparable_path(path) == comparable_path(out):
        raise UserError(f"{path} is where the result goes; give the report another name")
    make_writable_folder(path)


def is_report(path: Path, keys: AbstractSet[str]) -> bool:
    """Whether a file holds a JSON object with all of these keys."""
    if not path.is_file() or path.stat().st_size > LARGEST:
        return False
    data = read_json_object(path)
    return data is not None and keys <= data.keys()
