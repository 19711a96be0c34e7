"""The demonstration: a sample volume, labelled by the shipped checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.config import UserError, VoxelSize
from napari_scsam.infer.picture import save_picture
from napari_scsam.io.contrast import measure_contrast, normalise
from napari_scsam.io.volumes import as_volume, open_labels
from napari_scsam.samples.phantom import make_phantom
from napari_scsam.samples.public import fetch_sample
from napari_scsam.steps import Steps
from napari_scsam.volume.output import is_taken
from napari_scsam.volume.run import segment_volume

SAMPLE = "hippocampus"

SYNTHETIC = "a synthetic cell, because the real sample could not be downloaded"


class Demo(NamedTuple):
    """The files of a demonstration."""

    image: Path
    labels: Path
    picture: Path
    about: str
    """What the sample is, and whether it is real."""


def sample_image() -> Steps[tuple[NDArray[np.uint8], VoxelSize | None, str]]:
    """Fetch five real slices of mouse hippocampus, or create a synthetic cell without a network."""
    try:
        return (yield from fetch_sample(SAMPLE))
    except UserError:
        phantom = make_phantom((4, 512, 512), (5.0, 5.0, 5.0))
        return phantom.image, phantom.voxel_size, SYNTHETIC


def write_demo(folder: Path) -> Steps[Demo]:
    """Write the sample, its labels and a picture of both into a folder.

    An earlier demonstration in the folder is replaced.

    Raises
    ------
    UserError
        When the folder holds labels that are not those of a demonstration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    labels = folder / "labels.zarr"
    picture = folder / "labels.png"
    if is_taken(labels) and not picture.is_file():
        raise UserError(
            f"{labels} already exists and is not of a demonstration; choose another folder"
        )
    stack, voxel_size, about = yield from sample_image()
    demo = Demo(folder / "sample.tif", labels, picture, about)
    write_sample(demo.image, stack, voxel_size)
    model = load_checkpoint()
    yield from segment_volume(as_volume(stack, voxel_size), model, demo.labels, overwrite=True)
    middle = len(stack) // 2
    grey = normalise(stack[middle], measure_contrast(stack))
    save_picture(demo.picture, grey, open_labels(demo.labels).plane(middle), model.classes)
    return demo


def write_sample(path: Path, stack: NDArray[np.uint8], voxel_size: VoxelSize | None) -> None:
    """Write the sample as ImageJ TIFF, with its voxel size in nm if it is known."""
    metadata: dict[str, Any] = {"axes": "ZYX"}
    resolution = (1.0, 1.0)
    if voxel_size is not None:
        z, y, x = voxel_size
        metadata |= {"spacing": z, "unit": "nm"}
        resolution = (1 / x, 1 / y)
    tifffile.imwrite(path, stack, imagej=True, resolution=resolution, metadata=metadata)
