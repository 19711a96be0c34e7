"""``scsam pretrain``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_scsam.cli.shared.parts import command
from napari_scsam.cli.shared.training_run import (
    RESUME_HINT,
    add_training_options,
    check_finished,
    processes_of,
    report_run,
    restart_notice,
    show_training,
)
from napari_scsam.cli.shared.values import natural


def add_pretrain(commands: Any) -> None:
    """Describe ``scsam pretrain``."""
    parser = command(
        commands, "pretrain", run_pretrain, "Pre-train the MAE branch on unlabelled volumes."
    )
    parser.add_argument("volumes", nargs="+", metavar="VOL")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="MAE.safetensors")
    parser.add_argument("--steps", type=int, default=600, help="default: 600")
    parser.add_argument("--encoder", default="hybrid", help="hybrid, or the name of a timm ViT")
    parser.add_argument(
        "--start", metavar="MAE.safetensors", help="start from the encoder of an earlier run"
    )
    parser.add_argument("--seed", type=natural, default=0, help="fixes the run (default: 0)")
    add_training_options(parser)


def run_pretrain(arguments: argparse.Namespace) -> None:
    """Train a masked autoencoder."""
    from napari_scsam.io.images import open_grey_volume
    from napari_scsam.train.pretrain import PretrainConfig, pretrain
    from napari_scsam.train.recipe import RANDOM

    config = PretrainConfig(
        encoder=arguments.encoder, steps=arguments.steps, seed=arguments.seed, start=arguments.start
    )
    check_finished(arguments.out, arguments.overwrite)
    start = RANDOM
    if config.start:
        start = Path(config.start).name
    arguments.resume_hint = RESUME_HINT
    steps = pretrain(
        [open_grey_volume(volume) for volume in arguments.volumes],
        arguments.out,
        config,
        arguments.device,
        processes_of(arguments),
        restart_notice(arguments),
    )
    show_training(steps, start, arguments.device)
    report_run(arguments.out)
