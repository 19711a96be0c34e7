"""``scsam evaluate`` and ``measure``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.cli.parts import (
    add_careful,
    add_model_options,
    command,
    say,
    say_unknown_size,
    show,
    write_json,
)
from napari_scsam.config import ClassSpec, NoClassesError, UserError, select_classes

if TYPE_CHECKING:
    from napari_scsam.train.click_evaluation import ClickScores
    from napari_scsam.train.scores import Scores


def add_evaluate(commands: Any) -> None:
    """Describe ``scsam evaluate``."""
    parser = command(
        commands, "evaluate", run_evaluate, "Compare a checkpoint's labels with the truth."
    )
    parser.add_argument("--image", required=True, metavar="IN")
    parser.add_argument("--labels", required=True, metavar="LAB")
    parser.add_argument(
        "--map",
        nargs="+",
        action="extend",
        default=[],
        metavar="theirs=ours",
        help="label value = class name; values not named are background",
    )
    parser.add_argument(
        "--slices", metavar="0,3,10-20", help="look at these slices only (default: all)"
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        metavar="NM",
        help="how far outlines may be apart (default: two pixels)",
    )
    parser.add_argument(
        "--clicks",
        type=positive,
        metavar="N",
        help="also click N times on every connected object, and try a box",
    )
    parser.add_argument(
        "--smallest",
        type=positive,
        default=24,
        metavar="PIXELS",
        help="smaller objects do not count (default: 24)",
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the scores there as well")
    add_careful(parser)
    add_model_options(parser)


def run_evaluate(arguments: argparse.Namespace) -> None:
    """Print the scores of each class, and of clicks."""
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.io.volumes import open_labels, open_volume
    from napari_scsam.train.click_evaluation import evaluate_clicks
    from napari_scsam.train.evaluate import UnknownLabelError, evaluate

    image = open_volume(arguments.image, arguments.voxel_size)
    labels = open_labels(arguments.labels)
    chosen: dict[str, Any] = {
        "slices": parse_slices(arguments.slices, image.depth),
        "smallest": arguments.smallest,
    }
    predictor = Predictor(
        load_checkpoint(arguments.checkpoint), arguments.device, tta=arguments.careful
    )
    mapping = parse_map(arguments.map, predictor.classes)
    found: list[Scores | ClickScores] = []
    try:
        found.append(
            show(
                evaluate(predictor, image, labels, mapping, tolerance=arguments.tolerance, **chosen)
            )
        )
    except (UnknownLabelError, NoClassesError) as error:
        if arguments.clicks is None:
            raise
        say(
            f"scsam: only clicks are scored, because {error}"
        )  # labels that number objects, or a network without classes
    if arguments.clicks is not None:
        found.append(
            show(evaluate_clicks(predictor, image, labels, arguments.clicks, mapping, **chosen))
        )
    say_unknown_size(image, predictor.model)
    print(*found, sep="\n\n")
    if arguments.json:
        write_json(
            arguments.json, {key: value for part in found for key, value in part.to_dict().items()}
        )


def positive(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not usable; give a whole number above 0")
    return int(text)


def parse_slices(text: str | None, depth: int) -> tuple[int, ...] | None:
    """Read numbers and ranges such as ``0,3,10-20``, whose ends count; None when there is no text."""
    if text is None:
        return None
    slices: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() if dash else not last)) or (
            dash and int(last) < int(first)
        ):
            raise UserError(
                f"--slices {text} is not readable at {part!r}; write slice numbers and ranges, e.g. 0,3,10-20"
            )
        start = int(first)
        stop = int(last or first)
        slices += range(
            start, min(stop, max(start, depth)) + 1
        )  # one beyond the depth is enough to be told of
    return tuple(slices)


def parse_map(pairs: Iterable[str], classes: Sequence[ClassSpec]) -> dict[int, ClassSpec] | None:
    """Read ``1=mitochondrion`` pairs; None when there are none."""
    mapping = {}
    for pair in pairs:
        theirs, _, ours = pair.partition("=")
        if not theirs.isdecimal() or not ours:
            raise UserError(
                f"--map {pair} is not a pair; write a label value, '=' and a class name, e.g. 1=mitochondrion"
            )
        mapping[int(theirs)] = select_classes(classes, [ours])[0]
    return mapping or None


def add_measure(commands: Any) -> None:
    """Describe ``scsam measure``."""
    parser = command(
        commands,
        "measure",
        run_measure,
        "Write a table of every organelle: volume, diameter, centre.",
    )
    about = "class labels that scsam wrote, OME-Zarr or TIFF; or an OME-Zarr image with labels in it, or a project"
    parser.add_argument("labels", type=Path, metavar="LABELS", help=about)
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="TABLE.csv")


def run_measure(arguments: argparse.Namespace) -> None:
    """Measure the connected objects of each class."""
    from napari_scsam.io.find_labels import find_labels, listed_labels
    from napari_scsam.io.labels import read_class_table
    from napari_scsam.io.volumes import open_labels
    from napari_scsam.volume.ledger import LEDGER
    from napari_scsam.volume.measure import SMALLEST, measure, write_table

    path = find_labels(arguments.labels)
    labels = open_labels(path)
    classes = read_class_table(path)
    if classes is None:
        raise UserError(
            f"{path} carries no class table; give labels that scsam segment or the plugin wrote"
        )
    if any((folder / LEDGER).is_file() for folder in (path, *path.parents[:2])):
        say(
            f"scsam: {arguments.labels} is not finished, and slices without labels count as empty; go on with scsam segment --resume"
        )
    rows = show(measure(labels, classes))
    write_table(arguments.out, rows)
    if not rows:
        say(
            f"scsam: {arguments.labels} holds no object of {SMALLEST} voxels or more, so the table has headings alone"
        )
    if len(names := listed_labels(arguments.labels)) > 1:
        say(f"scsam: of the label images {', '.join(names)}, {path.name!r} was measured")
    print(arguments.out)
