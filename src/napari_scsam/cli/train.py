"""``scsam train``."""

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

RECIPE_HELP = (
    "a recipe, or a training set: a folder that the plugin exported, which holds its own "
    "recipe.toml"
)


def add_train(commands: Any) -> None:
    """Describe ``scsam train``."""
    parser = command(commands, "train", run_train, "Train a ScSAM by a recipe.")
    parser.add_argument("recipe", type=Path, metavar="CONFIG.toml|FOLDER", help=RECIPE_HELP)
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="CKPT.safetensors")
    add_training_options(parser)


def run_train(arguments: argparse.Namespace) -> None:
    """Train by a recipe."""
    from napari_scsam.train.recipe import read_recipe
    from napari_scsam.train.training import train

    recipe = read_recipe(arguments.recipe)
    arguments.resume_hint = RESUME_HINT
    check_finished(arguments.out, arguments.overwrite)
    steps = train(
        recipe, arguments.out, arguments.device, processes_of(arguments), restart_notice(arguments)
    )
    show_training(steps, recipe.describe_start(), arguments.device)
    report_run(arguments.out)
