"""``scsam pretrain``, ``pseudo-label`` and ``train``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from napari_scsam.cli.parts import (
    Parser,
    add_device,
    add_model_options,
    command,
    parse_names,
    say,
    say_unknown_size,
    show,
)
from napari_scsam.config import UserError

if TYPE_CHECKING:
    from napari_scsam.train.schedule import TrainStep


def add_training(commands: Any) -> None:
    """Describe ``scsam pretrain``, ``pseudo-label`` and ``train``."""
    parser = command(
        commands, "pretrain", run_pretrain, "Pre-train the MAE branch on unlabelled volumes."
    )
    parser.add_argument("volumes", nargs="+", metavar="VOL")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="MAE.safetensors")
    add_overwrite(parser)
    parser.add_argument("--steps", type=int, default=600, help="default: 600")
    parser.add_argument("--encoder", default="hybrid", help="hybrid, or the name of a timm ViT")
    parser.add_argument(
        "--start", metavar="MAE.safetensors", help="go on from what an earlier run wrote"
    )
    parser.add_argument("--seed", type=int, default=0, help="fixes the run (default: 0)")
    add_device(parser)
    add_processes(parser)
    parser = command(
        commands,
        "pseudo-label",
        run_pseudo_label,
        "Label a volume as far as a checkpoint is sure of it, to train on.",
    )
    parser.add_argument(
        "image",
        metavar="VOLUME",
        help="as for segment; seen along z, y and x where its voxels are nearly cubes",
    )
    parser.add_argument(
        "-o",
        "--out",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder for labels.tif and reviewed.tif",
    )
    parser.add_argument(
        "--classes", metavar="a,b", help="names of the classes to believe (default: all)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace labels that are in DIR")
    add_model_options(parser)
    parser = command(commands, "train", run_train, "Train a ScSAM by a recipe.")
    about = "a recipe, or a training set: a folder that the plugin exported, which holds its own recipe.toml"
    parser.add_argument("recipe", type=Path, metavar="CONFIG.toml|FOLDER", help=about)
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="CKPT.safetensors")
    add_overwrite(parser)
    add_device(parser)
    add_processes(parser)


def add_processes(parser: Parser) -> None:
    """Add how many processes draw crops ahead."""
    about = "how many draw crops ahead, so that a graphics card need not wait (default: as many as there are to spare; beside a CPU none)"
    parser.add_argument("--processes", type=int, metavar="N", help=about)


def processes_of(arguments: argparse.Namespace) -> int:
    """Return the number asked for, or what suits the device."""
    from napari_scsam.infer.device import choose_device
    from napari_scsam.train.drawing import spare_processes

    return (
        spare_processes(choose_device(arguments.device))
        if arguments.processes is None
        else max(0, arguments.processes)
    )


def add_overwrite(parser: Parser) -> None:
    """Add the leave to replace what an earlier run made."""
    about = "train anew what an earlier run finished, or one that was stopped had other settings for (one that had the same goes on)"
    parser.add_argument("--overwrite", action="store_true", help=about)


def restart_notice(arguments: argparse.Namespace) -> Callable[[str], None] | None:
    """Return who is told that a run with other settings is given up; None without leave to do so."""
    return (lambda sentence: say(f"scsam: {sentence}")) if arguments.overwrite else None


def check_finished(out: Path, overwrite: bool) -> None:
    """Stop before hours of somebody's training are replaced.

    Raises
    ------
    UserError
        When a run into `out` has finished.
    """
    from napari_scsam.train.resume import state_file

    if out.is_file() and not overwrite and not state_file(out).is_file():
        raise UserError(
            f"{out} is there already, and its training has finished; give another name, or --overwrite to train it anew"
        )


def run_pretrain(arguments: argparse.Namespace) -> None:
    """Train a masked autoencoder."""
    from napari_scsam.io.volumes import open_volume
    from napari_scsam.train.pretrain import PretrainConfig, pretrain
    from napari_scsam.train.recipe import RANDOM

    config = PretrainConfig(
        encoder=arguments.encoder, steps=arguments.steps, seed=arguments.seed, start=arguments.start
    )
    check_finished(arguments.out, arguments.overwrite)
    start = Path(config.start).name if config.start else RANDOM
    arguments.resume_hint = GO_ON
    volumes = [open_volume(v) for v in arguments.volumes]
    steps = pretrain(
        volumes,
        arguments.out,
        config,
        arguments.device,
        processes_of(arguments),
        restart_notice(arguments),
    )
    show_training(steps, start, arguments.device)
    report_run(arguments.out)


def run_pseudo_label(arguments: argparse.Namespace) -> None:
    """Write labels of what is sure, and the mask that says where that is."""
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.io.label_tiff import write_label_tiff
    from napari_scsam.io.volumes import open_volume
    from napari_scsam.train.pseudo_labels import pseudo_labels
    from napari_scsam.volume.output import check_output

    image = open_volume(arguments.image, arguments.voxel_size)
    predictor = Predictor(load_checkpoint(arguments.checkpoint), arguments.device)
    steps = pseudo_labels(predictor, image, parse_names(arguments.classes))
    next(steps)  # a mistake shows here, and then its line is the only one
    check_output(arguments.out / "labels.tif", arguments.overwrite)
    arguments.out.mkdir(parents=True, exist_ok=True)  # now, not after hours of work
    say_unknown_size(image, predictor.model)
    labels, known = show(steps)
    write_label_tiff(
        arguments.out / "labels.tif", labels, image.voxel_size, predictor.classes, image.origin
    )
    write_label_tiff(arguments.out / "reviewed.tif", known, image.voxel_size, (), image.origin)
    say(
        f"scsam: {known.mean():.0%} of the voxels are known; name labels.tif in a recipe, and scsam train finds reviewed.tif beside it"
    )
    print(arguments.out / "labels.tif")


def run_train(arguments: argparse.Namespace) -> None:
    """Train by a recipe."""
    from napari_scsam.train.training import train
    from napari_scsam.train.recipe import read_recipe

    recipe = read_recipe(arguments.recipe)
    arguments.resume_hint = GO_ON
    check_finished(arguments.out, arguments.overwrite)
    steps = train(
        recipe, arguments.out, arguments.device, processes_of(arguments), restart_notice(arguments)
    )
    show_training(steps, recipe.describe_start(), arguments.device)
    report_run(arguments.out)


GO_ON = "; the same command goes on from what was saved last"
"""What a training that is stopped says."""


def report_run(out: Path) -> None:
    """Tell what a training run wrote: its record on stderr, and the checkpoint, as the last word."""
    from napari_scsam.train.run_folder import run_folder

    say(f"scsam: curves, pictures and the record of the run are in {run_folder(out)}")
    print(out)


def show_training(steps: Iterable[TrainStep], start: str, device: str) -> None:
    """Show losses as they fall; when not on a terminal, the first step, then every twentieth, as a line.

    Before them stands what the run starts from. It comes with the first step, when the recipe has proved to be sound:
    a mistake is told alone.
    """
    from napari_scsam.infer.device import choose_device

    terminal = sys.stderr.isatty()
    first = 0
    with tqdm(disable=not terminal) as bar:
        for step in steps:
            if not first:
                first = step.step
                resumed = f", going on after step {first - 1}" if first > 1 else ""
                about = f"scsam: training from {start} on {choose_device(device)}, {step.total} steps{resumed}"
                tqdm.write(about, file=sys.stderr)
            losses = " ".join(f"{k} {v:.3f}" for k, v in step.losses.items())
            bar.total = step.total
            bar.set_postfix_str(losses, refresh=False)
            bar.update(step.step - bar.n)
            if not terminal and (step.step % 20 == 0 or step.step in (first, step.total)):
                say(f"step {step.step}/{step.total} {losses} {step.seconds:.0f} s")
