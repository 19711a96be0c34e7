"""Fine-tune the network on slices that were corrected, and compare it before and after.

    python examples/finetune_on_corrections.py FOLDER [MINUTES]

In napari you would correct the slices. Here the corrections are made by a rule: mitochondria are one pixel larger.
So the gain says nothing about the network; it shows the steps.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_scsam import (
    CorrectedVolume,
    Predictor,
    Volume,
    as_volume,
    drive,
    finetune,
    load_checkpoint,
    open_volume,
    save_checkpoint,
)
from napari_scsam.samples.shipped import FILE

CORRECTED = (3, 9, 15, 21)
"""Slices that somebody has looked at."""


def main(folder: Path, minutes: float) -> None:
    """Write a fine-tuned checkpoint into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    volume = open_volume(FILE)
    model = load_checkpoint()
    labels = as_volume(correct(Predictor(model), volume), volume.voxel_size)

    source = CorrectedVolume(volume, labels, {1: "mitochondrion"}, slices=CORRECTED)
    result = drive(finetune(source, model, minutes=minutes))
    print(result.report)

    path = folder / "finetuned.safetensors"
    save_checkpoint(
        path,
        result.model,
        summary="The shipped model, fine-tuned on four slices of fly medulla.",
        licence="as the shipped model",
        training={"slices": list(CORRECTED), "minutes": minutes},
    )
    print(path)


def correct(predictor: Predictor, volume: Volume) -> NDArray[np.uint8]:
    """Return labels (Z, Y, X): 1 on mitochondria and one pixel round them, on a few slices."""
    labels = np.zeros(volume.shape, np.uint8)
    for index in CORRECTED:
        predictor.set_image(volume.plane(index), voxel_size=volume.voxel_size)
        labels[index] = ndimage.binary_dilation(predictor.segment(["mitochondrion"]) > 0)
    return labels


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.7)
