"""The demonstration: a sample volume, labelled by the shipped checkpoint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_scsam.atomic import replacing
from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.config import UserError, VoxelSize
from napari_scsam.infer.picture import save_picture
from napari_scsam.io.contents import check_outside
from napari_scsam.io.contrast import measure_contrast, normalise
from napari_scsam.io.volumes import as_volume, open_labels, open_volume
from napari_scsam.samples.shipped import ABOUT_SAMPLE, open_shipped
from napari_scsam.steps import Steps
from napari_scsam.volume.output import is_taken
from napari_scsam.volume.run import segment_volume

SIDE = 600
"""Pixels of the smaller side of a slice in the picture, at least."""


class Demo(NamedTuple):
    """The files of a demonstration."""

    image: Path
    labels: Path
    picture: Path
    about: str
    """What the sample is, who made it, and its licence."""


def write_demo(folder: Path) -> Steps[Demo]:
    """Write the shipped sample, its labels and a picture of both into a folder; needs no network.

    An earlier demonstration in the folder is replaced.

    Raises
    ------
    UserError
        When the folder holds labels that are not those of a demonstration, or is in an image.
    """
    check_outside(folder / "labels.zarr")
    folder.mkdir(parents=True, exist_ok=True)
    labels = folder / "labels.zarr"
    picture = folder / "labels.png"
    _check_places(labels, picture)
    sample = open_shipped()
    stack = np.asarray(sample.data[...])
    _check_sample(folder / "sample.tif", stack)
    demo = Demo(folder / "sample.tif", labels, picture, ABOUT_SAMPLE)
    write_sample(demo.image, stack, sample.voxel_size)
    model = load_checkpoint()
    steps = segment_volume(as_volume(stack, sample.voxel_size), model, labels, overwrite=True)
    yield from steps
    middle = len(stack) // 2
    grey = normalise(stack[middle], measure_contrast(stack))
    shown = open_labels(demo.labels).plane(middle)
    save_picture(demo.picture, repeat_pixels(grey), repeat_pixels(shown), model.classes)
    return demo


def _check_places(labels: Path, picture: Path) -> None:
    """Check that labels and picture are those of an earlier demonstration, or not there."""
    taken = is_taken(labels)
    for path, is_foreign in (
        (labels, taken and not picture.is_file()),
        (picture, os.path.lexists(picture) and not taken),
    ):
        if is_foreign:
            raise UserError(
                f"{path} already exists and is not of a demonstration; choose another folder"
            )


def _check_sample(path: Path, stack: NDArray[Any]) -> None:
    """Check that an image that would be replaced is the sample.

    Raises
    ------
    UserError
        When it is another one.
    """
    if not os.path.lexists(path):
        return
    try:
        same = np.array_equal(open_volume(path).data[...], stack)
    except UserError:
        same = False
    if not same:
        raise UserError(f"{path} already exists and is not the sample; choose another folder")


def repeat_pixels(plane: NDArray[Any]) -> NDArray[Any]:
    """Repeat the pixels of a slice (Y, X) until its sides are at least `SIDE`."""
    times = -(-SIDE // min(plane.shape))
    return plane.repeat(times, axis=0).repeat(times, axis=1)


def write_sample(path: Path, stack: NDArray[np.uint8], voxel_size: VoxelSize | None) -> None:
    """Write the sample as ImageJ TIFF, with its voxel size in nm if it is known."""
    metadata: dict[str, Any] = {"axes": "ZYX"}
    resolution = (1.0, 1.0)
    if voxel_size is not None:
        z, y, x = voxel_size
        metadata |= {"spacing": z, "unit": "nm"}
        resolution = (1 / x, 1 / y)
    with replacing(path) as draft:
        tifffile.imwrite(draft, stack, imagej=True, resolution=resolution, metadata=metadata)
