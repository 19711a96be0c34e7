"""``scsam instances``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from napari_scsam.cli.bucket import output_to_bucket
from napari_scsam.cli.labels import (
    add_labels,
    add_smallest,
    note_own_table,
    note_unfinished,
    parse_table,
)
from napari_scsam.cli.shared.parts import add_workers, command, note, show, workers_of


def add_instances(commands: Any) -> None:
    """Describe ``scsam instances``."""
    parser = command(
        commands,
        "instances",
        run_instances,
        "Find the objects of each class in a volume of any size, and number them.",
    )
    parser.set_defaults(locks_itself=True)
    add_labels(parser, "classes", "classes (default: all, each with its parts)")
    parser.add_argument(
        "-o",
        "--out",
        required=True,
        type=Path,
        metavar="OUT",
        help="instances: .zarr, with one label image for each class, or .tif of one class",
    )
    _add_options(parser)
    add_workers(parser)
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="continue a stopped run")
    existing.add_argument(
        "--overwrite",
        action="store_true",
        help="replace instances or a stopped run at OUT, when the new ones are whole",
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_smallest(parser, "10; 1 keeps all")
    parser.add_argument(
        "--smallest-um3", type=float, metavar="V", help="leave out objects of less than V µm³"
    )
    parser.add_argument(
        "--watershed", action="store_true", help="split objects that touch each other at a neck"
    )
    parser.add_argument(
        "--fill-holes", action="store_true", help="fill holes that one object encloses"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the number of objects of each class as JSON"
    )


def run_instances(arguments: argparse.Namespace) -> None:
    """Find objects, on the disk or on the way to a bucket, and print how many there are."""
    with output_to_bucket(arguments) as left:
        if left:
            _find(arguments)


def _find(arguments: argparse.Namespace) -> None:
    from napari_scsam.volume.instances.find import find_instances

    arguments.resume_hint = "; continue with --resume"
    steps = find_instances(
        arguments.labels,
        arguments.out,
        classes=parse_table(arguments.classes),
        smallest=arguments.smallest,
        smallest_um3=arguments.smallest_um3,
        watershed=arguments.watershed,
        fill_holes=arguments.fill_holes,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        workers=workers_of(arguments),
    )
    counts = show(steps)
    note_unfinished(arguments.labels)
    note_own_table(arguments.labels, parse_table(arguments.classes))
    if not any(counts.values()):
        note(f"scsam: {arguments.labels} holds no object of that size, so the instances are empty")
    if arguments.json:
        out = arguments.bucket or str(arguments.out)
        print(json.dumps({"out": out, "objects": counts}))
        return
    print(", ".join(f"{name}: {count}" for name, count in counts.items()))
    if arguments.bucket is None:
        print(arguments.out)
