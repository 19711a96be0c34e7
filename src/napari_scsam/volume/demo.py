"""The demonstration: a sample volume, labelled by the shipped checkpoint."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

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
from napari_scsam.steps import Progress
from napari_scsam.volume.output import is_taken
from napari_scsam.volume.run import segment_volume

SAMPLE = "hippocampus"


class Demo(NamedTuple):
    """Where the demonstration lies."""

    image: Path
    labels: Path
    picture: Path
    about: str
    """What the sample is, and whether it is real."""


def sample_image() -> Generator[Progress, None, tuple[NDArray[np.uint8], VoxelSize | None, str]]:
    """Fetch five real slices of mouse hippocampus; without a network, make a synthetic cell instead and say so."""
    try:
        stack, voxel_size, about = yield from fetch_sample(SAMPLE)
    except UserError:
        phantom = make_phantom((4, 512, 512), (5.0, 5.0, 5.0))
        return (
            phantom.image,
            phantom.voxel_size,
            "a synthetic cell, because the real sample could not be downloaded",
        )
    return stack, voxel_size, about


def write_demo(folder: Path) -> Generator[Progress, None, Demo]:
    """Write the sample, its labels and a picture of both into a folder; an earlier demonstration in it is replaced.

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
            f"{labels} is there already and is not of a demonstration; give another folder"
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
    """Write the sample as ImageJ TIFF with its voxel size."""
    z, y, x = voxel_size or (1.0, 1.0, 1.0)
    metadata = {"axes": "ZYX", "spacing": z, "unit": "nm"} if voxel_size else {"axes": "ZYX"}
    tifffile.imwrite(path, stack, imagej=True, resolution=(1 / x, 1 / y), metadata=metadata)
