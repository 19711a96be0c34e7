"""``scsam segment`` of several images into a folder."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from napari_scsam.cli.shared.networks import network_of
from napari_scsam.cli.shared.parts import note, note_unknown_size, open_image, parse_names, show
from napari_scsam.config import UserError
from napari_scsam.remote.predictor import RemotePredictor
from napari_scsam.steps import Steps

if TYPE_CHECKING:
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.io.volumes import Volume
    from napari_scsam.model import ScSAM
    from napari_scsam.volume.image_batch import ImageBatch

ONE_VOLUME = (
    *("into", "slices", "region", "mask", "axes", "probabilities", "workers", "scheduler"),
)
"""Options that mean nothing for several images."""


def expand(names: list[str]) -> list[str]:
    """Return the inputs, with patterns such as ``*.tif`` expanded where the shell does not do it.

    Raises
    ------
    UserError
        When nothing has such a name.
    """
    found = []
    for name in names:
        matches = [name]
        if "*" in name and not Path(name).exists():
            matches = sorted(glob(name))  # noqa: PTH207 - a pattern of a whole path
            if not matches:
                raise UserError(f"no file is called {name}; check the path")
        found += matches
    return found


def is_batch(images: list[str], out: Path | None) -> bool:
    """Whether several images go into a folder; one image does if the folder exists."""
    if len(images) > 1:
        return True
    return out is not None and out.suffix == "" and out.is_dir()


def segment_batch(arguments: argparse.Namespace) -> None:
    """Label several images with one network."""
    from napari_scsam.volume.image_batch import ImageBatch

    _check_options(arguments)
    images = tuple(map(Path, arguments.image))
    batch = ImageBatch(images, arguments.out, arguments.resume, arguments.overwrite)
    batch.check_kept(batch.left(), parse_names(arguments.classes))
    arguments.resume_hint = "; add --resume to the same command to continue"
    with network_of(arguments) as network:
        try:
            show(_steps(arguments, batch, network))
        finally:
            _print_done(batch)
    if not batch.chosen:
        note(f"scsam: all {len(images)} images have labels, so nothing is left to do")


def _predictor_for(
    arguments: argparse.Namespace, network: ScSAM | RemotePredictor
) -> Predictor | RemotePredictor:
    """Return what segments the images, on this computer or on a server."""
    if isinstance(network, RemotePredictor):
        network.tta = arguments.careful
        network.coarse = arguments.coarse
        return network
    from napari_scsam.infer.predictor import Predictor as LocalPredictor

    looks = {"tta": arguments.careful, "coarse": arguments.coarse}
    return LocalPredictor(network, arguments.device, **looks)


def _steps(
    arguments: argparse.Namespace, batch: ImageBatch, network: ScSAM | RemotePredictor
) -> Steps[None]:
    """Return the work on all images."""
    from napari_scsam.volume.batch import segment_images

    return segment_images(
        batch,
        _opener(arguments, network),
        _predictor_for(arguments, network),
        classes=parse_names(arguments.classes),
        average_z=arguments.average_z,
    )


def _check_options(arguments: argparse.Namespace) -> None:
    for name in ONE_VOLUME:
        if getattr(arguments, name):
            raise UserError(
                f"--{name} is for one volume; segment the images one by one, or leave it out"
            )


def _opener(
    arguments: argparse.Namespace, network: ScSAM | RemotePredictor
) -> Callable[[Path], Volume]:
    """Return a function that opens an image, and says once that a voxel size is unknown."""
    unknown: list[Path] = []

    def opened(path: Path) -> Volume:
        arguments.image = str(path)
        volume = open_image(arguments)
        if volume.pixel_size is None:
            if not unknown:  # what is missing in one is missing in all, mostly
                note_unknown_size(volume, network)
            unknown.append(path)
        return volume

    return opened


def _print_done(batch: ImageBatch) -> None:
    """Print the files that were written, one a line."""
    for image in batch.chosen:
        target = batch.labels_of(image)
        if image not in batch.failed and target.is_file():
            print(target)
