"""``scsam import``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_scsam.class_names import check_class_name
from napari_scsam.cli.labels import parse_table
from napari_scsam.cli.shared.parts import command, nanometres, show
from napari_scsam.config import ClassSpec, UserError


def add_import_results(commands: Any) -> None:
    """Describe ``scsam import``."""
    parser = command(
        commands,
        "import",
        run_import_results,
        "Make labels of ours from a result of micro-sam or empanada.",
    )
    parser.add_argument(
        "result", metavar="RESULT", help="their zarr, or a file of labels, such as .tif"
    )
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="OUT.zarr")
    parser.add_argument(
        "--classes",
        metavar="a",
        help="the class of all objects; the classes of empanada to take; or 1=mito,2=ER",
    )
    parser.add_argument(
        "--divisor",
        type=int,
        metavar="N",
        help="values are class · N + object, as in empanada's panoptic results",
    )
    parser.add_argument("--voxel-size", nargs=3, type=nanometres, metavar="NM", help="z y x in nm")


def run_import_results(arguments: argparse.Namespace) -> None:
    """Import a result, and print where the labels are."""
    from napari_scsam.config import parse_voxel_size
    from napari_scsam.io.contents import check_outside
    from napari_scsam.volume.exchange.read import read_results
    from napari_scsam.volume.exchange.write import write_results
    from napari_scsam.volume.output import make_writable_folder

    out: Path = arguments.out
    if out.suffix != ".zarr":
        raise UserError(f"{out} does not end in .zarr; give it that suffix")
    if os.path.lexists(out):
        raise UserError(f"{out} already exists; choose another name")
    check_outside(out)
    make_writable_folder(out)
    table = parse_table(arguments.classes)
    results = read_results(arguments.result, table, arguments.divisor)
    classes = _classes_named([one.name for one in results])
    show(write_results(results, classes, out, parse_voxel_size(arguments.voxel_size)))
    print(out)


def _classes_named(names: Sequence[str]) -> list[ClassSpec]:
    """Return the class of each name, with the id of the shipped network where it has that class."""
    from napari_scsam.checkpoints.find import checkpoint_info
    from napari_scsam.checkpoints.imported.class_table import read_channels

    for name in names:
        check_class_name(name)
    specs = read_channels(names, checkpoint_info().classes)
    by_channel = dict(zip(specs.channel_of, specs.classes, strict=True))
    return [by_channel[channel] for channel in range(len(names))]
