"""``scsam doctor``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from napari_scsam.cli.shared.parts import command

ABOUT = (
    "Examine the installation: versions, device, window, folders and the shipped checkpoint. "
    "The report can be pasted into an issue. Exit code 1 means that something is wrong."
)

VARIABLES = (
    "Folders are set by the variables NAPARI_SCSAM_CACHE, NAPARI_SCSAM_CHECKPOINTS and "
    "NAPARI_SCSAM_USER. The size of the cache is set by NAPARI_SCSAM_CACHE_GB, and that of the "
    "cache of remote images by NAPARI_SCSAM_REMOTE_GB."
)


def add_doctor(commands: Any) -> None:
    """Describe ``scsam doctor``."""
    parser = command(commands, "doctor", run_doctor, ABOUT)
    parser.epilog = VARIABLES
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_doctor(arguments: argparse.Namespace) -> int:
    """Print the report; return 1 when something is wrong."""
    from napari_scsam.doctor.report import examine

    report = examine()
    if arguments.json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        print(report.to_text())
    return int(bool(report.complaints))
