"""What a flat filling at the border of slices costs.

Run from the project's root: python benchmarks/filling.py [--share 0.3 0.5] [--value 255 0]

Real slices are filled from the left, and the mean Dice of all classes is measured on what is left:
with the contrast of the slices as they were, with that of all pixels, and with ours.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import PERCENTILES, Contrast, measure_contrast
from napari_scsam.io.volumes import open_labels, open_volume

DATA = Path(__file__).parents[2] / "shared" / "data" / "hippocampus"
SLICES = (1, 6)


def main() -> None:
    """Print one JSON line for each filling."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, nargs="+", default=[0.3, 0.5])
    parser.add_argument("--value", type=int, nargs="+", default=[255, 0])
    options = parser.parse_args()
    torch.set_num_threads(1)
    volume = open_volume(DATA / "dev_raw.tif")
    labels = open_labels(DATA / "dev_labels.tif")
    predictor = Predictor(load_checkpoint(), "cpu")
    image = np.stack([volume.plane(z) for z in SLICES])
    truth = np.stack([labels.plane(z) for z in SLICES])
    for share in options.share:
        for value in options.value:
            found = compare(predictor, image, truth, volume.voxel_size, share, value)
            print(json.dumps({"share": share, "value": value, **found}), flush=True)


def compare(
    predictor: Predictor,
    image: NDArray[Any],
    truth: NDArray[Any],
    size: Any,
    share: float,
    value: int,
) -> dict[str, float]:
    """Return the mean Dice beside a filling, by where the contrast comes from."""
    start = round(share * image.shape[2])
    filled = image.copy()
    filled[:, :, :start] = value
    low, high = np.percentile(filled, PERCENTILES)
    contrasts = {
        "unfilled": measure_contrast(image),
        "all pixels": Contrast(float(low), float(high)),
        "ours": measure_contrast(filled),
    }
    return {
        name: round(mean_dice(predictor, filled, truth, size, contrast, start), 3)
        for name, contrast in contrasts.items()
    }


def mean_dice(
    predictor: Predictor,
    image: NDArray[Any],
    truth: NDArray[Any],
    size: Any,
    contrast: Contrast,
    start: int,
) -> float:
    """Return the mean Dice of the classes that the truth holds, right of a column."""
    found = []
    for plane in image:
        predictor.set_image(plane, size, contrast=contrast)
        found.append(predictor.segment())
    labels = np.stack(found)[:, :, start:]
    wanted = truth[:, :, start:]
    scores = []
    for spec in predictor.classes:
        ours, theirs = labels == spec.id, wanted == spec.id
        if theirs.any():
            scores.append(2 * (ours & theirs).sum() / (ours.sum() + theirs.sum()))
    return float(np.mean(scores))


if __name__ == "__main__":
    main()
