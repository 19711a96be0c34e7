"""The U-Net whose answers are corrected for comparison."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import tifffile
from benchmarks.accuracy.budget import fit
from benchmarks.accuracy.pixels import PixelPredictor
from benchmarks.accuracy.plan import FULL, Run
from benchmarks.accuracy.unet import UNetLogits, train_unet
from benchmarks.accuracy.work import Bench, recipe_of
from benchmarks.loop.cases import Picture

from napari_scsam.config import ClassSpec
from napari_scsam.train.recipe import Recipe, read_recipe

RECIPE = Path(__file__).resolve().parents[1] / "accuracy/recipe.toml"

STEPS = 671
"""Those of the U-Net in the accuracy benchmark: eight CPU minutes."""

STEPS_AGAIN = 168
"""For each training on finished slices: two CPU minutes, as long as a fine-tuning."""


def unet_recipe(data: Path) -> Recipe:
    """Return the recipe of the accuracy benchmark, for the hippocampus in the folder `data`."""
    bench = Bench(FULL, read_recipe(RECIPE), data / "hippocampus", Path())
    return recipe_of(bench, Run("a", 0, FULL.training))


def ready_unet(weights: Path, data: Path, steps: int = STEPS) -> PixelPredictor:
    """Return a trained U-Net; it is trained first where `weights` does not exist.

    A training that was stopped is resumed.
    """
    recipe = unet_recipe(data)
    if not weights.is_file():
        weights.parent.mkdir(parents=True, exist_ok=True)
        fit(partial(train_unet, resumes=True), recipe, weights, steps)
    return unet_predictor(weights, recipe.classes)


def unet_of_finished(
    finished: Sequence[Picture], class_name: str, data: Path, steps: int = STEPS_AGAIN
) -> PixelPredictor:
    """Train a U-Net of one class from scratch on finished slices."""
    recipe = unet_recipe(data)
    classes = (ClassSpec(1, class_name, "#e6553c"),)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tifffile.imwrite(folder / "image.tif", np.stack([p.grey for p in finished]))
        truth = np.stack([p.truth for p in finished]).astype(np.uint8)
        tifffile.imwrite(folder / "labels.tif", truth)
        source = replace(
            recipe.sources[0],
            image=folder / "image.tif",
            labels=folder / "labels.tif",
            voxel_size=finished[0].voxel_size,
            slices=(),
        )
        own = replace(recipe, classes=classes, sources=(source,))
        fit(train_unet, own, folder / "unet.safetensors", steps)
        return unet_predictor(folder / "unet.safetensors", classes)


def unet_predictor(weights: Path, classes: Sequence[ClassSpec]) -> PixelPredictor:
    """Return a predictor with the weights that `train_unet` wrote."""
    return PixelPredictor(classes, UNetLogits(weights, len(classes)), FULL.tile)
