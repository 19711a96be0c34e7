"""``scsam finetune``."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.class_names import check_class_name
from napari_scsam.cli.labels import note_doubt_of_names, note_own_table
from napari_scsam.cli.shared.checkpoint_path import check_checkpoint_path
from napari_scsam.cli.shared.parts import add_model_options, command, note, open_image, show
from napari_scsam.cli.shared.reports import add_report, check_report
from napari_scsam.cli.shared.values import SLICES, parse_slices, positive_number
from napari_scsam.config import UserError
from napari_scsam.json_files import replace_json
from napari_scsam.steps import Progress, mapped

if TYPE_CHECKING:
    from napari_scsam.train.finetune.data import CorrectedVolume
    from napari_scsam.train.finetune.steps import FinetuneStep

STATE_SUFFIX = ".finetune"
"""Of the file beside the new checkpoint that keeps the state of a stopped run."""


def add_finetune(commands: Any) -> None:
    """Describe ``scsam finetune``."""
    parser = command(
        commands,
        "finetune",
        run_finetune,
        "Fine-tune a checkpoint on corrected labels, without forgetting its other classes.",
    )
    parser.add_argument("--image", required=True, metavar="IN", help="a volume")
    parser.add_argument("--labels", required=True, metavar="LAB", help="its corrected labels")
    parser.add_argument(
        "--classes",
        required=True,
        type=Path,
        metavar="CLASSES.json",
        help='label values and their classes, e.g. {"1": "mitochondrion"}; others are unknown',
    )
    parser.add_argument(
        "-o", "--out", required=True, type=Path, metavar="CKPT.safetensors", help="the result"
    )
    parser.add_argument("--reviewed", metavar="MASK", help="0 where nobody has looked")
    parser.add_argument(
        "--slices", metavar="A:B", help=f"those that are corrected, e.g. {SLICES} (default: all)"
    )
    parser.add_argument(
        "--minutes",
        type=positive_number,
        default=3.0,
        metavar="M",
        help="time for everything (default: 3)",
    )
    add_report(parser, "also write Dice before and after to this file")
    parser.add_argument("--overwrite", action="store_true", help="replace a checkpoint at OUT")
    add_model_options(parser)


def run_finetune(arguments: argparse.Namespace) -> None:
    """Fine-tune, write the better checkpoint, and print what changed."""
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.train.finetune.finetuning import finetune
    from napari_scsam.train.finetune.save import save_tuned

    out: Path = arguments.out
    check_checkpoint_path(out, overwrite=arguments.overwrite)
    check_report(arguments, {"before", "after"})
    source = read_source(arguments)
    steps = finetune(
        source,
        load_checkpoint(arguments.checkpoint),
        minutes=arguments.minutes,
        device=arguments.device,
        state=out.with_suffix(STATE_SUFFIX),
    )
    arguments.resume_hint = "; the same command continues"
    note_own_table(Path(arguments.labels), source.classes)
    note_doubt_of_names(source.labels, source.classes, source.slices)
    result = show(mapped(steps, progress_of))
    note(str(result.report))
    save_tuned(out, result, arguments.checkpoint, source)
    print(out)
    # After the checkpoint: a disk too full for the report must not cost the training.
    if arguments.json is not None:
        replace_json(arguments.json, result.report.to_dict())


def read_source(arguments: argparse.Namespace) -> CorrectedVolume:
    """Open what the options name."""
    from napari_scsam.io.volumes import open_labels
    from napari_scsam.train.finetune.data import CorrectedVolume

    image = open_image(arguments)
    reviewed = None if arguments.reviewed is None else open_labels(arguments.reviewed)
    return CorrectedVolume(
        image,
        open_labels(arguments.labels),
        read_class_names(arguments.classes),
        reviewed,
        parse_slices(arguments.slices, image.depth),
        image.voxel_size,
    )


def read_class_names(path: Path) -> dict[int, str]:
    """Read the classes of label values from a JSON file.

    Raises
    ------
    UserError
        When the file cannot be read, or does not hold names by label value.
    """
    from pydantic import TypeAdapter, ValidationError

    text = _read_bytes(path)
    try:
        pairs = json.loads(text, object_pairs_hook=tuple)
        entries = TypeAdapter(tuple[tuple[int, str], ...]).validate_python(
            pairs if isinstance(pairs, tuple) else None
        )
    except (ValueError, RecursionError, ValidationError) as error:
        raise UserError(
            f'{path} does not name classes; write {{"1": "mitochondrion", …}} into it'
        ) from error
    for value, count in Counter(value for value, _ in entries).items():
        if count > 1:
            raise UserError(f"{path} names the label value {value} {count} times; give it one name")
    names = dict(entries)
    if not names or min(names) < 1 or not all(name.strip() for name in names.values()):
        raise UserError(f"{path} must give names for label values from 1 on; 0 is background")
    for name in names.values():
        check_class_name(name)
    return {value: name.strip() for value, name in names.items()}


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check the path") from error


def progress_of(step: FinetuneStep) -> Progress:
    """Return what a progress bar shows of a step."""
    what = step.phase
    if step.losses:
        what = f"{what}, loss {step.losses['loss']:.3f}, {step.seconds_left:.0f} s left"
    return Progress(step.step, step.total, what)
