"""``scsam checkpoints import``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_scsam.cli.shared.checkpoint_path import CHECKPOINT_SUFFIX, check_checkpoint_path
from napari_scsam.cli.shared.parts import command, note

LEAST_RANGE = 1e-6
"""Between the input of a network for black and for white; a network sees no less."""

VALUES = {"logits": False, "probabilities": True}


def add_import(actions: Any) -> None:
    """Describe ``scsam checkpoints import``."""
    parser = command(
        actions,
        "import",
        run_import,
        "Make a checkpoint of an ONNX or TorchScript network that finds classes.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="*.onnx, or TorchScript as *.pt")
    parser.add_argument(
        "--channels",
        required=True,
        metavar="a,b",
        help="name of each output channel, e.g. background,mitochondrion,ER=7 (7 is the id)",
    )
    parser.add_argument(
        "-o", "--out", type=Path, metavar="OUT", help=f"*{CHECKPOINT_SUFFIX} (default: in the list)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a checkpoint at OUT")
    parser.add_argument("--nm", type=float, metavar="NM", help="nm of a pixel in its training")
    parser.add_argument("--values", choices=VALUES, help="what the output is")
    parser.add_argument("--output", default="", metavar="NAME", help="the output, of several")
    _add_input(parser)
    parser.add_argument("--summary", default="", help="one sentence for the list of checkpoints")
    parser.add_argument("--licence", default="unknown", help="licence of the weights")


def _add_input(parser: argparse.ArgumentParser) -> None:
    """Add the options on what the network is given."""
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument(
        "--range",
        nargs=2,
        type=float,
        metavar=("BLACK", "WHITE"),
        help="its input for black and for white (default: 0 1)",
    )
    scale.add_argument(
        "--mean-std",
        nargs=2,
        type=float,
        metavar=("MEAN", "STD"),
        help="subtract and divide, after grey values are in 0..1",
    )
    scale.add_argument(
        "--standardise", action="store_true", help="bring each tile to mean 0 and deviation 1"
    )
    parser.add_argument(
        "--contrast",
        choices=("measured", "full"),
        default="measured",
        help="black and white are percentiles of the volume, or 0 and the largest integer",
    )
    parser.add_argument("--tile", type=int, default=512, metavar="N", help="largest side of a tile")
    parser.add_argument(
        "--multiple", type=int, default=16, metavar="N", help="sides of its input are multiples of"
    )


def run_import(arguments: argparse.Namespace) -> None:
    """Import a network, and print its checkpoint."""
    from napari_scsam.checkpoints.imported.importing import NetworkCard, import_network
    from napari_scsam.paths import user_folder

    out = arguments.out or user_folder() / f"{arguments.file.stem}{CHECKPOINT_SUFFIX}"
    check_checkpoint_path(out, overwrite=arguments.overwrite)
    black, white = input_range(arguments.range, arguments.mean_std)
    card = NetworkCard(
        channels=tuple(arguments.channels.split(",")),
        nm_per_pixel=arguments.nm,
        probabilities=VALUES.get(arguments.values),
        output=arguments.output,
        tile=arguments.tile,
        multiple=arguments.multiple,
        black=black,
        white=white,
        standardise=arguments.standardise,
        full_range=arguments.contrast == "full",
        summary=arguments.summary,
        licence=arguments.licence,
    )
    info = import_network(arguments.file, out, card)
    names = ", ".join(spec.name for spec in info.classes)
    note(f"scsam: {info.name} finds {names}; it answers no clicks")
    print(out)


def _range_of(mean: float, deviation: float) -> tuple[float, float]:
    from napari_scsam.config import UserError

    if not deviation > 0:
        raise UserError(f"the standard deviation is {deviation:g}; give one above 0")
    if not 0 <= mean <= 1:
        largest = next((top for top in (255, 65_535) if 1 < mean <= top), None)
        hint = f" ({mean / largest:.4g} {deviation / largest:.4g}?)" if largest else ""
        raise UserError(
            f"the mean is {mean:g}, but grey values are in 0..1 before it is subtracted{hint}; "
            "give both as fractions of the largest value"
        )
    return -mean / deviation, (1 - mean) / deviation


def input_range(
    ends: tuple[float, float] | None, mean_std: tuple[float, float] | None
) -> tuple[float, float]:
    """Return the input of a network for black and for white.

    Raises
    ------
    UserError
        When both are the same, the standard deviation is not above 0, or the mean is no grey value
        in 0..1.
    """
    from napari_scsam.config import UserError

    black, white = ends or (0.0, 1.0)
    if mean_std is not None:
        black, white = _range_of(*mean_std)
    if abs(white - black) < LEAST_RANGE:
        option = "--range" if mean_std is None else "--mean-std"
        raise UserError(f"black and white are the same; give other values for {option}")
    return black, white
