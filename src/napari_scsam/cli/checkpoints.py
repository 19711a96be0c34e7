"""``scsam checkpoints``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from napari_scsam.cli.checkpoint_export import add_export
from napari_scsam.cli.checkpoint_import import add_import
from napari_scsam.cli.shared.parts import command, note, show


def _add_download(actions: Any) -> None:
    fetch = command(
        actions,
        "download",
        run_download,
        "Download published SAM weights, for clicks and boxes or to train from.",
    )
    fetch.add_argument("name", metavar="NAME")


def add_checkpoints(commands: Any) -> None:
    """Describe ``scsam checkpoints`` and its actions."""
    parser = command(commands, "checkpoints", run_list, "List and inspect checkpoints.")
    actions = parser.add_subparsers(metavar="list | info | download | verify | import | export")
    command(actions, "list", run_list, "List the checkpoints on this machine.")
    info = command(actions, "info", run_info, "Show what a checkpoint is.")
    verify = command(
        actions, "verify", run_verify, "Check that a checkpoint loads and is complete."
    )
    _add_download(actions)
    add_import(actions)
    add_export(actions)
    for action in (info, verify):
        action.add_argument("checkpoint", nargs="?", default="default", metavar="C")
    info.add_argument("--json", action="store_true", help="print JSON")


def run_list(_: argparse.Namespace) -> None:
    """Print one line for each checkpoint, and for weights that can be downloaded."""
    from napari_scsam.checkpoints.find import list_checkpoints
    from napari_scsam.checkpoints.registry import list_downloads

    infos = list_checkpoints()
    for info in infos:
        print(f"{info.name:24} {info.bytes / 1e6:6.1f} MB  {info.summary}")
    present = {info.name for info in infos}
    for entry in list_downloads():
        if entry.name not in present:
            size = size_cell(entry.file.size)
            print(f"{entry.name:24} {size}  to download ({entry.licence}): {entry.about}")


def size_cell(size: int | None) -> str:
    """Return a number of bytes as a column of the list."""
    if not size:
        return "   size ?"
    return f"{size / 1e6:6.1f} MB"


def run_download(arguments: argparse.Namespace) -> None:
    """Download weights, and create a checkpoint from them that answers clicks and boxes."""
    from napari_scsam.checkpoints.published import make_checkpoint
    from napari_scsam.checkpoints.registry import download_weights

    file = show(download_weights(arguments.name))
    made = show(make_checkpoint(arguments.name, file))
    note(
        f"scsam: {made.name} is among the checkpoints and answers clicks and boxes; "
        "to train from it, give this file as sam_weights:"
    )
    print(file)


def run_info(arguments: argparse.Namespace) -> None:
    """Print the card inside a checkpoint."""
    from napari_scsam.checkpoints.find import checkpoint_info

    info = checkpoint_info(arguments.checkpoint)
    if arguments.json:
        print(json.dumps(info.to_dict(), indent=2))
        return
    print(f"{info.name}: {info.summary}")
    print(f"licence: {info.licence}")
    print(f"pixel size: {info.nm_per_pixel or 'unknown'} nm")
    heading = "classes:"
    if info.prompts_only:
        heading = "classes (none learned; objects can be added to these):"
    print(heading)
    for spec in info.classes:
        print(f"  {spec.id:3} {spec.name:24} {spec.description}")


def run_verify(arguments: argparse.Namespace) -> None:
    """Load a checkpoint and read every weight."""
    from napari_scsam.checkpoints.checkpoint import verify_checkpoint

    print(f"{verify_checkpoint(arguments.checkpoint)}: complete")
