"""The U-Net whose answers are corrected for comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.accuracy.budget import fit
from benchmarks.accuracy.pixels import PixelPredictor
from benchmarks.accuracy.plan import FULL, Run
from benchmarks.accuracy.unet import UNetLogits, train_unet
from benchmarks.accuracy.work import Bench, recipe_of

from napari_scsam.config import ClassSpec
from napari_scsam.train.recipe import Recipe, read_recipe

RECIPE = Path(__file__).resolve().parents[1] / "accuracy/recipe.toml"

STEPS = 671
"""Those of the U-Net in the accuracy benchmark: eight CPU minutes."""


def unet_recipe(data: Path) -> Recipe:
    """Return the recipe of the accuracy benchmark, for the hippocampus in the folder `data`."""
    bench = Bench(FULL, read_recipe(RECIPE), data / "hippocampus", Path())
    return recipe_of(bench, Run("a", 0, FULL.training))


def ready_unet(weights: Path, data: Path, steps: int = STEPS) -> PixelPredictor:
    """Return a trained U-Net; it is trained first where `weights` does not exist."""
    recipe = unet_recipe(data)
    if not weights.is_file():
        fit(train_unet, recipe, weights, steps)
    return unet_predictor(weights, recipe.classes)


def unet_predictor(weights: Path, classes: Sequence[ClassSpec]) -> PixelPredictor:
    """Return a predictor with the weights that `train_unet` wrote."""
    return PixelPredictor(classes, UNetLogits(weights, len(classes)), FULL.tile)
