"""``scsam suggest``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari_scsam.cli.shared.parts import (
    add_model_options,
    command,
    note,
    note_unknown_size,
    open_image,
    show,
)
from napari_scsam.cli.shared.reports import add_report, check_report
from napari_scsam.cli.shared.values import SLICES, parse_slices, positive
from napari_scsam.json_files import replace_json

if TYPE_CHECKING:
    from napari_scsam.infer.suggest import Suggestion


def add_suggest(commands: Any) -> None:
    """Describe ``scsam suggest``."""
    parser = command(
        commands, "suggest", run_suggest, "Suggest which slices to correct next, the best first."
    )
    parser.add_argument("--image", required=True, metavar="IN", help="a volume")
    reviewed = parser.add_mutually_exclusive_group()
    reviewed.add_argument(
        "--reviewed", metavar="MASK", help="of the image's shape; not 0 where it is reviewed"
    )
    reviewed.add_argument(
        "--slices", metavar="A:B", help=f"slices that are reviewed, e.g. {SLICES} (default: none)"
    )
    parser.add_argument(
        "--count", type=positive, default=10, metavar="N", help="slices to suggest (default: 10)"
    )
    add_report(parser, "also write the suggestions to this file")
    add_model_options(parser)


def run_suggest(arguments: argparse.Namespace) -> None:
    """Print the slices to correct next, each with the region where the network is in doubt."""
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.infer.suggest import suggest
    from napari_scsam.io.volumes import open_labels

    check_report(arguments, {"suggestions"})
    image = open_image(arguments)
    slices = parse_slices(arguments.slices, image.depth) or ()
    mask = None
    if arguments.reviewed is not None:
        mask = open_labels(arguments.reviewed)
    model = load_checkpoint(arguments.checkpoint)
    note_unknown_size(image, model)
    predictor = Predictor(model, arguments.device)
    suggestions = show(suggest(predictor, image, slices, mask=mask, count=arguments.count))
    print_suggestions(suggestions)
    if arguments.json is not None:
        replace_json(arguments.json, {"suggestions": [each.to_dict() for each in suggestions]})


def print_suggestions(suggestions: Sequence[Suggestion]) -> None:
    """Print one line for each slice."""
    if not suggestions:
        note("scsam: every slice is reviewed, so there is nothing to suggest")
    for each in suggestions:
        line = f"slice {each.slice}, score {each.score:.2f}"
        if each.region is not None:
            y0, x0, y1, x1 = each.region
            line += f", rows {y0}-{y1}, columns {x0}-{x1}"
        print(line)
