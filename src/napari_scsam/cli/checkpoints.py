"""``scsam checkpoints``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from napari_scsam.cli.parts import command, say, show


def add_checkpoints(commands: Any) -> None:
    """Describe ``scsam checkpoints`` and its actions."""
    parser = command(commands, "checkpoints", run_list, "List and inspect checkpoints.")
    actions = parser.add_subparsers(metavar="list | info | download | verify")
    command(actions, "list", run_list, "List the checkpoints on this machine.")
    info = command(actions, "info", run_info, "Tell what a checkpoint is.")
    verify = command(actions, "verify", run_verify, "Check that a checkpoint loads and is whole.")
    fetch = command(
        actions,
        "download",
        run_download,
        "Fetch published SAM weights, to point at objects with or to train from.",
    )
    fetch.add_argument("name", metavar="NAME")
    for action in (info, verify):
        action.add_argument("checkpoint", nargs="?", default="default", metavar="C")
    info.add_argument("--json", action="store_true", help="print JSON")


def run_list(_: argparse.Namespace) -> None:
    """One line a checkpoint, and one for weights that can be fetched."""
    from napari_scsam.checkpoints.checkpoint import list_checkpoints
    from napari_scsam.checkpoints.registry import list_downloads

    infos = list_checkpoints()
    for info in infos:
        print(f"{info.name:24} {info.bytes / 1e6:6.1f} MB  {info.summary}")
    for entry in [d for d in list_downloads() if d.name not in {info.name for info in infos}]:
        size = f"{entry.file.size / 1e6:6.1f} MB" if entry.file.size else "   size ?"
        print(f"{entry.name:24} {size}  to download ({entry.licence}): {entry.about}")


def run_download(arguments: argparse.Namespace) -> None:
    """Fetch weights, make a checkpoint of them that answers clicks, and say where the file is that training takes."""
    from napari_scsam.checkpoints.published import make_checkpoint
    from napari_scsam.checkpoints.registry import download_weights

    file = show(download_weights(arguments.name))
    made = show(make_checkpoint(arguments.name, file))
    say(
        f"scsam: {made.name} is among the checkpoints and answers clicks and boxes; to train from it, give this file as sam_weights:"
    )
    print(file)


def run_info(arguments: argparse.Namespace) -> None:
    """Print the card inside a checkpoint."""
    from napari_scsam.checkpoints.checkpoint import checkpoint_info

    info = checkpoint_info(arguments.checkpoint)
    if arguments.json:
        print(json.dumps(info.to_dict(), indent=2))
        return
    print(
        f"{info.name}: {info.summary}\nlicence: {info.licence}\npixel size: {info.nm_per_pixel or 'unknown'} nm"
    )
    print(
        "classes (none learned; accepted objects go to these):" if info.prompts_only else "classes:"
    )
    for spec in info.classes:
        print(f"  {spec.id:3} {spec.name:24} {spec.description}")


def run_verify(arguments: argparse.Namespace) -> None:
    """Load a checkpoint and look at every weight."""
    from napari_scsam.checkpoints.checkpoint import verify_checkpoint

    print(f"{verify_checkpoint(arguments.checkpoint)}: whole")
