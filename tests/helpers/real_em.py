"""A corner of the real stack, as an image file, and what the shipped network makes of it without a window."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import tifffile

from napari_scsam.gui.workarounds.torch_guard import import_torch_stack
from napari_scsam.project.image import copy_image

SIZE, ORIGIN = (40.0, 8.0, 8.0), (400.0, 80.0, 16.0)
"""As if its voxels were anisotropic, away from the origin."""

Predict = Callable[[int, str], np.ndarray]
"""Gives what the network makes of a slice, asked for one class."""


def write_real_em(emdata: Path, folder: Path) -> Path:
    """Write a corner of the real stack, which shows mitochondria on every slice, as an image that does not lie at the origin."""
    corner = tifffile.imread(emdata / "hippocampus_stack" / "raw.tif", key=range(40, 50))[
        :, 200:360, 240:432
    ]
    list(copy_image(folder / "cell.zarr", corner, SIZE, ORIGIN))
    return folder / "cell.zarr"


def library(image: Path) -> Predict:
    """Segment the slices of an image without a window."""
    import_torch_stack()  # there may have been a window
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.io.contrast import measure_contrast
    from napari_scsam.io.volumes import open_volume

    volume, predictor = open_volume(image), Predictor(load_checkpoint("default"), "cpu")
    contrast = measure_contrast(volume.data)

    @cache
    def predict(z: int, name: str) -> np.ndarray:
        predictor.set_slice(predictor.prepare(volume.data[z], SIZE, contrast=contrast, key=z))
        return predictor.segment([name])

    return predict
