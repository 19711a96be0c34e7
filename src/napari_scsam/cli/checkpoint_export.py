"""``scsam checkpoints export``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_scsam.cli.shared.parts import command
from napari_scsam.config import UserError


def add_export(actions: Any) -> None:
    """Describe ``scsam checkpoints export``."""
    parser = command(
        actions, "export", run_export, "Write the class path of a checkpoint for other programs."
    )
    parser.add_argument("checkpoint", nargs="?", default="default", metavar="C")
    kinds = parser.add_mutually_exclusive_group(required=True)
    kinds.add_argument("--onnx", type=Path, metavar="OUT.onnx", help="the network alone")
    kinds.add_argument(
        "--bioimageio",
        type=Path,
        metavar="OUT.zip",
        help="a package of bioimage.io: ONNX, card, test tensors and documentation",
    )
    parser.add_argument(
        "--tile", type=int, metavar="N", help="side of its input (default: as here)"
    )
    parser.add_argument("--licence", metavar="NAME", help="for the package (default: of the card)")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT")


def run_export(arguments: argparse.Namespace) -> None:
    """Export a checkpoint, and print the file."""
    out = arguments.onnx or arguments.bioimageio
    check_out(out, ".onnx" if arguments.onnx else ".zip", overwrite=arguments.overwrite)
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.checkpoints.export.bioimageio import make_package
    from napari_scsam.checkpoints.export.onnx_file import write_onnx
    from napari_scsam.checkpoints.find import checkpoint_info

    model = load_checkpoint(arguments.checkpoint)
    tile = model.config.tile if arguments.tile is None else arguments.tile
    if arguments.onnx:
        write_onnx(out, model, tile)
    else:
        info = checkpoint_info(arguments.checkpoint)
        make_package(model, info, tile, arguments.licence).write(out)
    print(out)


def check_out(out: Path, suffix: str, *, overwrite: bool) -> None:
    """Check that a file may be written.

    Raises
    ------
    UserError
        When its name has another suffix, it is a folder, or exists and must not be replaced: without
        ``--overwrite``, or because it is no export.
    """
    from napari_scsam.checkpoints.export.own_exports import check_own_export
    from napari_scsam.io.contents import check_outside
    from napari_scsam.volume.output import make_writable_folder

    if out.suffix.lower() != suffix:
        raise UserError(f"{out} does not end in {suffix}; give it that suffix")
    if out.is_dir():
        raise UserError(f"{out} is a folder; give the name of a file")
    check_outside(out)
    check_own_export(out)
    make_writable_folder(out)
    if out.exists() and not overwrite:
        raise UserError(f"{out} already exists; add --overwrite to replace it")
