"""``scsam teach``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.class_names import check_class_name
from napari_scsam.cli.shared.checkpoint_path import CHECKPOINT_SUFFIX, check_checkpoint_path
from napari_scsam.cli.shared.parts import (
    add_model_options,
    command,
    note_unknown_size,
    open_image,
    show,
)
from napari_scsam.cli.shared.values import SLICES, parse_slices

if TYPE_CHECKING:
    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.config import ClassSpec
    from napari_scsam.model import ScSAM


def add_teach(commands: Any) -> None:
    """Describe ``scsam teach``."""
    parser = command(
        commands, "teach", run_teach, "Teach a checkpoint a class by a few strokes on a volume."
    )
    parser.add_argument("--image", required=True, metavar="IN")
    parser.add_argument(
        "--strokes",
        required=True,
        metavar="STROKES",
        help="integers of the image's shape: 1 on the class, 2 beside it, 0 elsewhere",
    )
    parser.add_argument("--name", required=True, help="of the class, new or known")
    parser.add_argument(
        "-o",
        "--out",
        required=True,
        type=Path,
        metavar="OUT",
        help=f"checkpoint (*{CHECKPOINT_SUFFIX})",
    )
    parser.add_argument(
        "--slices",
        metavar="A:B",
        help=f"use strokes on these slices only, e.g. {SLICES} (default: all)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a checkpoint at OUT")
    add_model_options(parser)


def run_teach(arguments: argparse.Namespace) -> None:
    """Teach a class and write the checkpoint that knows it."""
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.checkpoints.find import checkpoint_info
    from napari_scsam.infer.taught.teach_volume import teach_volume
    from napari_scsam.io.volumes import open_labels

    name = parse_class_name(arguments.name)
    check_checkpoint_path(arguments.out, overwrite=arguments.overwrite)
    volume = open_image(arguments)
    strokes = open_labels(arguments.strokes)
    slices = parse_slices(arguments.slices, volume.depth)
    model = load_checkpoint(arguments.checkpoint)
    note_unknown_size(volume, model)
    spec = show(teach_volume(volume, strokes, name, model, arguments.device, slices=slices))
    save_taught(arguments.out, model, spec, checkpoint_info(arguments.checkpoint))
    print(arguments.out)


def parse_class_name(text: str) -> str:
    """Return the name of a class without the space around it.

    Raises
    ------
    UserError
        As `check_class_name`.
    """
    name = text.strip()
    check_class_name(name)
    return name


def save_taught(path: Path, model: ScSAM, spec: ClassSpec, info: CheckpointInfo) -> None:
    """Write a checkpoint that was taught a class; its card says what it was made from."""
    from napari_scsam.checkpoints.checkpoint import save_checkpoint

    names = list(info.taught)
    if spec not in info.classes:
        names.append(spec.name)
    training = {**info.training, "taught": {"classes": names, "from": info.name}}
    summary = f"{info.summary}; taught {spec.name}"
    save_checkpoint(path, model, summary=summary, licence=info.licence, training=training)
