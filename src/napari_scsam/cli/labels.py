"""What the commands share that read labels."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_scsam.class_names import check_class_name
from napari_scsam.cli.shared.parts import note, parse_names
from napari_scsam.config import UserError

if TYPE_CHECKING:
    from napari_scsam.io.volumes import Volume

LABELS_HELP = (
    "labels of {kinds} that scsam or the plugin wrote (OME-Zarr or TIFF), "
    "an OME-Zarr image with labels in it, or a project"
)


def add_labels(parser: argparse.ArgumentParser, kinds: str, classes: str) -> None:
    """Add the options that name label images and their classes.

    Parameters
    ----------
    parser
        Of a command.
    kinds
        What the values of the labels may be.
    classes
        What is done with the classes, and with which ones where none are named.
    """
    parser.add_argument("labels", type=Path, metavar="LABELS", help=LABELS_HELP.format(kinds=kinds))
    parser.add_argument(
        "--classes",
        metavar="a,b",
        help=f"names of {classes}; for labels without a class table, 1=mitochondrion,2=ER",
    )


def add_smallest(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the option that leaves out small objects."""
    parser.add_argument(
        "--smallest",
        type=int,
        metavar="VOXELS",
        help=f"leave out objects of fewer voxels (default: {default})",
    )


def parse_table(text: str | None) -> list[str] | dict[int, str] | None:
    """Read ``mitochondrion,ER`` or ``1=mitochondrion,2=ER``; None when there is no text.

    Raises
    ------
    UserError
        When only some names have a label value, or a value is not a whole number.
    """
    names = parse_names(text)
    if names is None or not any("=" in name for name in names):
        return names
    table: dict[int, str] = {}
    for item in names:
        value, name = _parse_entry(item)
        if value in table:
            raise UserError(f"--classes names the label value {value} twice; give it one name")
        table[value] = name
    return table


def _parse_entry(text: str) -> tuple[int, str]:
    value, _, name = text.partition("=")
    if not (value.strip().isdecimal() and name.strip()):
        raise UserError(
            f"{text!r} is not a label value and a name; write --classes 1=mitochondrion,2=ER"
        )
    if int(value):  # 0 is refused with the table
        check_class_name(name.strip())
    return int(value), name.strip()


def note_unfinished(labels: Path) -> None:
    """Print that labels are those of a segmentation that was stopped, if they are."""
    if is_unfinished(labels):
        note(
            f"scsam: {labels} is not finished, and slices without labels count as empty; "
            "finish it with scsam segment --resume"
        )


def note_own_table(labels: Path, table: object) -> None:
    """Print that --classes names values otherwise than the class table of the labels, if so.

    Parameters
    ----------
    labels
        A path of labels that can be opened; those behind an address say nothing.
    table
        Names by label value; anything else overrides nothing.
    """
    from napari_scsam.io.find_labels import find_labels
    from napari_scsam.io.labels import read_class_table

    if not isinstance(table, dict) or not labels.exists():
        return
    own = {spec.id: spec.name for spec in read_class_table(find_labels(labels)) or ()}
    changed = [value for value in table if own and own.get(value) != table[value]]
    if changed:
        others = ", ".join(_named(value, own) for value in changed)
        note(f"scsam: in the class table of {labels}, {others}; the names in --classes count")


def note_doubt_of_names(
    labels: Volume, named: Collection[int], slices: Sequence[int] | None
) -> None:
    """Print that values which were named are not in labels, where others have no name."""
    from napari_scsam.io.label_values import doubt_of_names

    every = range(labels.depth)
    chosen = every if slices is None else [z for z in slices if z in every]  # others are refused
    text = doubt_of_names(labels, named, chosen) if named else ""
    if text:
        note(f"scsam: {text}")


def _named(value: int, table: Mapping[int, str]) -> str:
    """Return what a class table calls a label value, as a phrase."""
    if value in table:
        return f"{value} is {table[value]!r}"
    return f"{value} has no name"


def is_unfinished(labels: Path) -> bool:
    """Whether labels are those of a segmentation that was stopped."""
    from napari_scsam.volume.writing.ledger import LEDGER

    return any((folder / LEDGER).is_file() for folder in (labels, *labels.parents[:2]))
