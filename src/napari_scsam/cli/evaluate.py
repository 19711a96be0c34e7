"""``scsam evaluate``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from napari_scsam.cli.labels import note_doubt_of_names
from napari_scsam.cli.shared.parts import (
    add_careful,
    add_coarse,
    add_model_options,
    command,
    note,
    note_unknown_size,
    open_image,
    show,
)
from napari_scsam.cli.shared.reports import add_report, check_report
from napari_scsam.cli.shared.values import SLICES, parse_slices, positive, tolerance_nm
from napari_scsam.config import ClassSpec, NoClassesError, UserError, select_classes
from napari_scsam.json_files import replace_json

if TYPE_CHECKING:
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.io.volumes import Volume
    from napari_scsam.train.scoring.click_evaluation import ClickScores
    from napari_scsam.train.scoring.scores import Scores


def add_evaluate(commands: Any) -> None:
    """Describe ``scsam evaluate``."""
    parser = command(
        commands, "evaluate", run_evaluate, "Compare a checkpoint's labels with the truth."
    )
    _add_truth(parser)
    _add_scores(parser)
    add_report(parser, "also write the scores to this file")
    add_careful(parser)
    add_coarse(parser)
    add_model_options(parser)


def _add_truth(parser: argparse.ArgumentParser) -> None:
    """Add the options on what labels are compared with."""
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
        "--slices", metavar="A:B", help=f"score these slices only, e.g. {SLICES} (default: all)"
    )


def _add_scores(parser: argparse.ArgumentParser) -> None:
    """Add the options on what is scored."""
    parser.add_argument(
        "--tolerance",
        type=tolerance_nm,
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


def run_evaluate(arguments: argparse.Namespace) -> None:
    """Print the scores of each class, and of clicks."""
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.io.volumes import open_labels

    check_report(arguments, {"classes", "slices"}, {"clicks", "box_iou"})
    image = open_image(arguments)
    labels = open_labels(arguments.labels)
    model = load_checkpoint(arguments.checkpoint)
    looks = {"tta": arguments.careful, "coarse": arguments.coarse}
    predictor = Predictor(model, arguments.device, **looks)
    scores = score(arguments, predictor, image, labels)
    note_unknown_size(image, model)
    print(*scores, sep="\n\n")
    if arguments.json:
        report: dict[str, Any] = {}
        for part in scores:
            report |= part.to_dict()
        replace_json(arguments.json, report)


def score(
    arguments: argparse.Namespace, predictor: Predictor, image: Volume, labels: Volume
) -> list[Scores | ClickScores]:
    """Score classes, and clicks if they are asked for.

    Labels that number objects, and networks without classes, are scored by clicks alone.
    """
    from napari_scsam.train.scoring.click_evaluation import evaluate_clicks
    from napari_scsam.train.scoring.evaluate import UnknownLabelError, evaluate

    chosen: dict[str, Any] = {
        "slices": parse_slices(arguments.slices, image.depth),
        "smallest": arguments.smallest,
    }
    mapping = parse_map(arguments.map, predictor.classes)
    note_doubt_of_names(labels, mapping or (), chosen["slices"])
    scores: list[Scores | ClickScores] = []
    try:
        tolerance = arguments.tolerance
        scores.append(
            show(evaluate(predictor, image, labels, mapping, tolerance=tolerance, **chosen))
        )
    except (UnknownLabelError, NoClassesError) as error:
        if arguments.clicks is None:
            raise
        note(f"scsam: only clicks are scored, because {error}")
    if arguments.clicks is not None:
        clicks = arguments.clicks
        scores.append(show(evaluate_clicks(predictor, image, labels, clicks, mapping, **chosen)))
    return scores


def parse_map(pairs: Iterable[str], classes: Sequence[ClassSpec]) -> dict[int, ClassSpec] | None:
    """Read ``1=mitochondrion`` pairs; None when there are none."""
    mapping = {}
    for pair in pairs:
        theirs, _, ours = pair.partition("=")
        if not theirs.isdecimal() or not ours:
            raise UserError(
                f"--map {pair} is not a pair; "
                "write a label value, '=' and a class name, e.g. 1=mitochondrion"
            )
        if int(theirs) in mapping:
            raise UserError(f"--map names the label value {theirs} twice; give it one class")
        mapping[int(theirs)] = select_classes(classes, [ours])[0]
    return mapping or None
