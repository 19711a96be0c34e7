"""``scsam segment``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from napari_scsam.cli.batch import expand, is_batch, segment_batch
from napari_scsam.cli.bucket import output_to_bucket
from napari_scsam.cli.shared.networks import add_server, network_of, open_there
from napari_scsam.cli.shared.parts import (
    LINE_SECONDS,
    add_careful,
    add_coarse,
    add_model_options,
    add_workers,
    command,
    note,
    note_unknown_size,
    open_image,
    parse_names,
    show,
    workers_of,
)
from napari_scsam.cli.shared.values import SLICES, parse_slices
from napari_scsam.errors import UserError
from napari_scsam.io.locations import is_address
from napari_scsam.steps import Progress

if TYPE_CHECKING:
    from napari_scsam.io.volumes import Volume
    from napari_scsam.model import ScSAM
    from napari_scsam.remote.predictor import RemotePredictor

MANY_TILES = 20
"""Tiles of a run of which it is said what it will take."""


def add_segment(commands: Any) -> None:
    """Describe ``scsam segment``."""
    parser = command(commands, "segment", run_segment, "Label the organelles of a volume.")
    parser.set_defaults(locks_itself=True)
    parser.add_argument(
        "image",
        metavar="IN",
        nargs="+",
        help="a file, a folder or an address such as https://… of a format in docs/formats.md; "
        "several images when OUT is a folder",
    )
    _add_outputs(parser)
    parser.add_argument(
        "--classes", metavar="a,b", help="names of the classes to write (default: all)"
    )
    add_careful(parser)
    add_coarse(parser)
    add_model_options(parser)
    parser.add_argument(
        "--with",
        action="append",
        default=[],
        dest="beside",
        metavar="NETWORK",
        help="add the classes of an imported network, by its name or path; may be repeated",
    )
    _add_parts(parser)
    add_workers(parser)
    add_server(parser)


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    """Add the options on where the labels go, and what may be there."""
    outputs = parser.add_mutually_exclusive_group(required=True)
    outputs.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="OUT",
        help="labels: .zarr (resumable, any size; also s3://…), .tif, .mrc, .h5 or .precomputed; "
        "a folder for several images",
    )
    outputs.add_argument(
        "--into",
        type=Path,
        metavar="IMAGE.zarr",
        help="write the labels into labels/classes of this OME-Zarr (0.4 or 0.5), mostly IN itself",
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--resume", action="store_true", help="continue a stopped run (OUT must end in .zarr)"
    )
    existing.add_argument(
        "--overwrite",
        action="store_true",
        help="replace labels or a stopped run at OUT, when the new ones are whole (never a project)",
    )


def _add_parts(parser: argparse.ArgumentParser) -> None:
    """Add the options on what of a volume is labelled, and what is written."""
    parser.add_argument(
        "--slices", metavar="A:B", help=f"label these slices only, e.g. {SLICES} (default: all)"
    )
    parser.add_argument("--region", metavar="z0:z1,y0:y1,x0:x1", help="label this part, in voxels")
    parser.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="label the voxels that are above 0 in FILE only, of the shape of IN or coarser; "
        "the others become 0, and tiles without any are not computed",
    )
    parser.add_argument(
        "--axes",
        type=int,
        choices=(1, 3),
        help="3: label slices along z, y and x, and average the logits; 3 times the work, for "
        "voxels that are about as long along each axis",
    )
    parser.add_argument(
        "--average-z",
        action=argparse.BooleanOptionalAction,
        help="average the logits of neighbouring slices that look alike (default: where slices are "
        "at most 10 nm apart)",
    )
    parser.add_argument(
        "--probabilities",
        action="store_true",
        help="write the probability of each class, 0 to 255, into OUT/labels/classes/probabilities",
    )


def run_segment(arguments: argparse.Namespace) -> None:
    """Label a volume, on the disk or on the way to a bucket."""
    if arguments.into is not None and is_address(str(arguments.into)):
        raise UserError(
            f"labels go into an OME-Zarr on this computer, not into {arguments.into}; use -o"
        )
    with output_to_bucket(arguments) as left:
        if left:
            _segment(arguments)


def _segment(arguments: argparse.Namespace) -> None:
    if arguments.there and arguments.server is None:
        raise UserError("--there names data of a server; name the server with --server")
    if not arguments.there:
        arguments.image = expand(arguments.image)
    _add_beside(arguments)
    if is_batch(arguments.image, arguments.out):
        if arguments.bucket is not None:
            raise UserError("several images do not go into a bucket; segment them one by one")
        segment_batch(arguments)
        return
    (arguments.image,) = arguments.image
    arguments.out = arguments.into or arguments.out
    if arguments.there:
        with network_of(arguments) as network:
            volume = open_there(arguments, cast("RemotePredictor", network))
            _segment_one(arguments, volume, network)
        return
    volume = open_image(arguments)
    with network_of(arguments) as network:
        _segment_one(arguments, volume, network)


def _segment_one(
    arguments: argparse.Namespace, volume: Volume, network: ScSAM | RemotePredictor
) -> None:
    from napari_scsam.volume.run import segment_volume
    from napari_scsam.volume.segmentation import COMPARING
    from napari_scsam.volume.writing.run_labels import find_stopped

    workers = workers_of(arguments)
    steps = segment_volume(
        volume,
        network if workers is None else arguments.checkpoint,
        arguments.out,
        classes=parse_names(arguments.classes),
        device=arguments.device,
        tta=arguments.careful,
        coarse=arguments.coarse,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        **_asked(arguments, volume, workers),
    )
    stopped = find_stopped(arguments.out)
    first = next(steps)  # a mistake shows here, and then its line is the only one
    while first.what.startswith(COMPARING):
        first = next(steps)
    if arguments.out.suffix.lower() == ".zarr":
        arguments.resume_hint = "; add --resume to the same command to continue"
    note_unknown_size(volume, network)
    if arguments.resume:
        note_resumed(arguments.out, first, was_stopped=stopped is not None)
    if first.done < first.total and arguments.server is None:
        note_estimate(arguments, volume, cast("ScSAM", network))
    show(steps)
    if arguments.bucket is None:
        print(labels_path(arguments))


def _add_beside(arguments: argparse.Namespace) -> None:
    """Add networks to the name of the checkpoint, and print what each adds."""
    if not arguments.beside:
        return
    if arguments.server is not None:  # which has networks of its own
        arguments.checkpoint = "+".join([arguments.checkpoint, *arguments.beside])
        return
    from napari_scsam.checkpoints.card import JOINED
    from napari_scsam.checkpoints.find import checkpoint_info

    arguments.checkpoint = JOINED.join([arguments.checkpoint, *arguments.beside])
    for info in checkpoint_info(arguments.checkpoint).beside:
        classes = ", ".join(spec.name for spec in info.classes)
        note(f"scsam: {info.name} finds {classes}{info.at_pixel_size}")


def labels_path(arguments: argparse.Namespace) -> Path:
    """Return where the labels are."""
    from napari_scsam.volume.writing.run_labels import LABELS

    if arguments.into is None:
        out: Path = arguments.out
        return out
    return Path(arguments.into, "labels", LABELS)


def _asked(
    arguments: argparse.Namespace, volume: Volume, workers: int | str | None
) -> dict[str, Any]:
    """Return the less usual settings that were asked for."""
    settings = {
        "slices": parse_slices(arguments.slices, volume.depth),
        "region": arguments.region,
        "mask": arguments.mask,
        "axes": arguments.axes,
        "average_z": arguments.average_z,
        "probabilities": arguments.probabilities or None,
        "workers": workers,
        "into": arguments.into is not None or None,
    }
    return {name: value for name, value in settings.items() if value is not None}


def note_estimate(arguments: argparse.Namespace, volume: Volume, model: ScSAM) -> None:
    """Print what the run will take: tiles, time and memory.

    Nothing is printed of a few tiles. Without a terminal, only of work that takes minutes.
    """
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.volume.estimate import count_tiles, estimate_run
    from napari_scsam.volume.mask import open_mask
    from napari_scsam.volume.run_plan import plan_run

    slices = parse_slices(arguments.slices, volume.depth)
    plan = plan_run(volume.shape, slices, arguments.region)
    plan = replace(plan, axes=arguments.axes or 1)
    if arguments.mask is not None:
        plan = replace(plan, mask=open_mask(arguments.mask, volume.shape, volume.voxel_size))
    looks = {"tta": arguments.careful, "coarse": arguments.coarse}
    predictor = Predictor(model, arguments.device, **looks)
    if count_tiles(volume, predictor, plan) < MANY_TILES:
        return
    estimate = estimate_run(volume, predictor, plan, arguments.workers or 1)
    if estimate is None:
        return
    if sys.stderr.isatty() or estimate.seconds > LINE_SECONDS:
        note(f"scsam: {estimate}")


def note_resumed(out: Path, first: Progress, *, was_stopped: bool) -> None:
    """Print where a run is continued, or why it is not."""
    if first.done and first.done == first.total:
        note(f"scsam: the labels in {out} are finished, so nothing is left to do")
    elif first.done:
        note(f"scsam: resuming at {first.what}; earlier slices are done")
    elif was_stopped:
        note(f"scsam: no slice in {out} was finished, so it starts from the beginning")
    else:
        note(f"scsam: there is no stopped run in {out}, so it starts from the beginning")
