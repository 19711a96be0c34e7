"""Give a checkpoint honest probabilities, and leave its labels as they are.

    python -m benchmarks.biases OUT.safetensors [--checkpoint default]

Biases of the classes are fitted on the calibration slices of hippocampus/train, which no weight was
trained on. Thresholds move by as much, so segmenting finds the same. No other tissue is looked
at: its calibration errors (``benchmarks/shipped.py``) are those of a tissue that chose nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from napari_scsam import Predictor, load_checkpoint
from napari_scsam.checkpoints.checkpoint import save_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.model import ScSAM
from napari_scsam.steps import drive
from napari_scsam.train.calibrate import fit_biases, labelled_logits

DATA = Path(__file__).parents[2] / "shared" / "data" / "hippocampus"

SLICES = (5, 15, 25, 35)
"""``calibration`` of ``weights/recipe.toml``."""

STEP = 1 / 64
"""Biases are multiples of it, so that half precision keeps them."""


def fit_to_slices(model: ScSAM) -> None:
    """Fit the biases of a model, and move its thresholds by as much."""
    model.thresholds -= model.class_biases
    model.class_biases.zero_()
    image = open_volume(DATA / "train_raw.tif")
    labels = open_labels(DATA / "train_labels.tif")
    found = drive(labelled_logits(Predictor(model, "cpu"), image, labels, SLICES))
    biases = torch.from_numpy(fit_biases(*found))
    model.class_biases.copy_((biases / STEP).round() * STEP)
    model.thresholds += model.class_biases


def main() -> None:
    """Fit the biases of a checkpoint, and write it under another name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--checkpoint", default="default")
    arguments = parser.parse_args()
    model = load_checkpoint(arguments.checkpoint)
    fit_to_slices(model)
    info = checkpoint_info(arguments.checkpoint)
    for spec, bias in zip(model.classes, model.class_biases.tolist(), strict=True):
        print(f"{spec.name}: {bias:+.3f}")
    save_checkpoint(
        arguments.out,
        model,
        summary=info.summary,
        licence=info.licence,
        training={**info.training, "biases": f"hippocampus/train, slices {SLICES}"},
        half=True,
    )


if __name__ == "__main__":
    main()
