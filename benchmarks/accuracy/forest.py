"""A classical baseline: a random forest on filtered grey values, as scikit-image's segmenter."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

from napari_scsam.train.dataset import LabelledCrops
from napari_scsam.train.drawing import generator_of
from napari_scsam.train.recipe import Recipe

UNSEEN = 1e-3
"""Least probability of a class, so that logits are finite."""


def features(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return intensities, edges and textures (0.5 to 16 px), Y×X×F, of Y×X grey values in 0..1."""
    found: NDArray[np.float32] = multiscale_basic_features(grey, sigma_min=0.5, sigma_max=16)
    return found


def examples(recipe: Recipe, points: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Draw pixels as the other variants draw crops: half anywhere, half on a class drawn evenly.

    Returns
    -------
    features : N×F
    labels : N
    """
    crops = LabelledCrops(recipe)
    (volume,) = crops.volumes
    generator = generator_of(recipe.training.seed, 0)
    places = np.array([crops.place(volume, generator) for _ in range(points)])
    drawn = [places[places[:, 0] == z] for z in range(len(volume.grey))]
    rows = [
        features(plane.astype(np.float32) / 255)[at[:, 1], at[:, 2]]
        for plane, at in zip(volume.grey, drawn, strict=True)
    ]
    return np.concatenate(rows), np.concatenate([volume.classes[tuple(at.T)] for at in drawn])


def fit_forest(
    recipe: Recipe, points: int, trees: int, budget: float
) -> tuple[RandomForestClassifier, dict[str, Any]]:
    """Grow trees one after another within the time budget.

    Parameters
    ----------
    recipe
        Names data, classes and seed.
    points
        Pixels to learn from.
    trees
        Most to grow.
    budget
        CPU seconds, filters and drawing included.

    Returns
    -------
    forest : RandomForestClassifier
    record
        Trees, pixels and CPU seconds.
    """
    began = time.process_time()
    rows, labels = examples(recipe, points)
    forest = RandomForestClassifier(
        0, min_samples_leaf=5, warm_start=True, n_jobs=1, random_state=recipe.training.seed
    )
    while forest.n_estimators == 0 or (
        forest.n_estimators < trees and time.process_time() - began < budget
    ):
        forest.set_params(n_estimators=forest.n_estimators + 1)
        forest.fit(rows, labels)
    return forest, {
        "trees": forest.n_estimators,
        "pixels": points,
        "cpu_seconds": time.process_time() - began,
    }


class ForestLogits:
    """Predicts a tile with a forest.

    Parameters
    ----------
    forest
        From `fit_forest`.
    classes
        K.
    """

    def __init__(self, forest: RandomForestClassifier, classes: int) -> None:
        self.forest = forest
        self.classes = classes

    def __call__(self, grey: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return K×Y×X logits against background, of Y×X grey values in 0..1."""
        filtered = features(grey)
        shares = self.forest.predict_proba(filtered.reshape(-1, filtered.shape[-1]))
        every = np.full((self.classes + 1, len(shares)), UNSEEN, np.float32)
        every[self.forest.classes_] = np.maximum(shares.T, UNSEEN)
        logits: NDArray[np.float32] = np.log(every[1:] / every[0]).reshape(
            self.classes, *grey.shape
        )
        return logits
