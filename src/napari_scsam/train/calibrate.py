"""Temperature and thresholds of a trained checkpoint, from labelled slices that it has not learned from."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from napari_scsam.config import UserError
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.volumes import Volume
from napari_scsam.metrics import mean, overlaps
from napari_scsam.steps import Progress
from napari_scsam.train.labelled_volume import lookup

PIXELS = 400_000
"""About as many are looked at, evenly spread over the slices."""

CANDIDATES = np.arange(-4.0, 4.01, 0.25)
"""Thresholds to choose from, in calibrated logits."""

SLACK = 0.001
"""Mean Dice that a threshold nearer to 0 may cost: gains so small do not carry over to another tissue."""


def calibrate(
    predictor: Predictor, image: Volume, labels: Volume, slices: Sequence[int]
) -> Generator[Progress, None, None]:
    """Fit the temperature, then a threshold for each class, and keep both in the model.

    The temperature makes probabilities honest (Guo et al. 2017, "On
    calibration of modern neural networks"); the thresholds then maximise each
    class's Dice, which matters for classes so rare that the argmax_or_background answer is never theirs.

    Parameters
    ----------
    predictor
        Holds the model, which is changed.
    image, labels
        Of the same shape; label values are class ids.
    slices
        Those to look at; none of them should have been trained on.

    Raises
    ------
    UserError
        When shapes differ, or no slice is given.
    """
    if image.shape != labels.shape or not slices:
        raise UserError(
            f"labels of shape {labels.shape} and slices {slices} cannot calibrate {image.shape}; give its labels and at least one slice"
        )
    model = predictor.model
    model.temperature.fill_(1.0)
    model.thresholds.zero_()
    logits = []
    truth = []
    contrast = measure_contrast(image.data)
    index = {c.id: row + 1 for row, c in enumerate(predictor.classes)}
    for done, z in enumerate(slices):
        yield Progress(done, len(slices), f"calibrating on slice {z}")
        predictor.set_image(image.plane(z), image.voxel_size, contrast=contrast)
        plane = labels.plane(z)
        step = max(1, round((labels.plane(z).size * len(slices) / PIXELS) ** 0.5))
        logits.append(predictor.class_logits()[:, ::step, ::step].reshape(len(index), -1))
        truth.append(lookup(plane[::step, ::step], index).ravel())
    scores = np.concatenate(logits, axis=1)
    answers = np.concatenate(truth)
    temperature = fit_temperature(scores, answers)
    thresholds = fit_thresholds(scores / temperature, answers)
    model.temperature.fill_(temperature)
    model.thresholds.copy_(torch.from_numpy(thresholds))
    yield Progress(len(slices), len(slices), "calibrated")


def fit_temperature(logits: NDArray[np.floating], truth: NDArray[np.integer]) -> float:
    """Find the divisor of K×N logits that makes N answers (0 background, k+1 class k) argmax_or_background."""
    scores = np.concatenate([np.zeros_like(logits[:1]), logits])
    right = scores[truth, np.arange(len(truth))]

    def surprise(log_temperature: float) -> float:
        factor = np.exp(-log_temperature)
        return float((logsumexp(scores * factor, axis=0) - right * factor).mean())

    return float(np.exp(minimize_scalar(surprise, bounds=(-2.5, 2.5), method="bounded").x))


def fit_thresholds(
    logits: NDArray[np.floating], truth: NDArray[np.integer], rounds: int = 2
) -> NDArray[np.float32]:
    """Choose each class's threshold in turn for the best mean Dice; a class that does not occur keeps 0."""
    thresholds = np.zeros(len(logits), np.float32)
    for _ in range(rounds):
        for row in np.unique(truth[truth > 0]) - 1:
            competing = logits - thresholds[:, None]
            competing[row] = -np.inf
            best = np.maximum(competing.max(0), 0)
            index = np.where(competing.max(0) > 0, competing.argmax(0) + 1, 0)
            scores = [
                mean_dice(np.where(logits[row] - t > best, row + 1, index), truth, len(logits))
                for t in CANDIDATES
            ]
            good = CANDIDATES[np.array(scores) >= max(scores) - SLACK]
            thresholds[row] = good[np.abs(good).argmin()]
    return thresholds


def mean_dice(predicted: NDArray[np.integer], truth: NDArray[np.integer], classes: int) -> float:
    """Mean Dice over the classes 1 to `classes` that occur."""
    return mean(
        o.dice for o in overlaps(predicted, truth, range(1, classes + 1)).values() if o.truth
    )
