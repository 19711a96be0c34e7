"""Temperature, biases and thresholds of a checkpoint, from labelled slices kept out of training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp

from napari_scsam.config import UserError
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.volumes import Volume
from napari_scsam.metrics import mean, overlaps
from napari_scsam.model import ScSAM
from napari_scsam.steps import Progress, Steps
from napari_scsam.train.labelled_volume import lookup

MAX_PIXELS = 400_000
"""About as many pixels are used, evenly spread over the slices."""

CANDIDATES = np.arange(-4.0, 4.01, 0.25)
"""Thresholds to choose from, in calibrated logits."""

SLACK = 0.001
"""Mean Dice that a threshold nearer to 0 may cost.

Gains this small do not carry over to another tissue.
"""


def calibrate(
    predictor: Predictor, image: Volume, labels: Volume, slices: Sequence[int]
) -> Steps[None]:
    """Fit the temperature, then a bias and a threshold for each class, and set them in the model.

    Temperature and biases calibrate the probabilities (Guo et al. 2017, "On calibration of modern
    neural networks"). The thresholds then maximise each class's Dice, which matters for classes so
    rare that they are never the most probable.

    Parameters
    ----------
    predictor
        Holds the model, which is changed.
    image, labels
        Of the same shape; label values are class ids.
    slices
        Those to use; none of them should have been trained on.

    Raises
    ------
    UserError
        When shapes differ, or no slice is given.
    """
    if image.shape != labels.shape or not slices:
        raise UserError(
            f"labels of shape {labels.shape} and slices {slices} cannot calibrate {image.shape}; "
            "give its labels and at least one slice"
        )
    model = predictor.model
    model.temperature.fill_(1.0)
    model.class_biases.zero_()
    model.thresholds.zero_()
    fit(model, *(yield from labelled_logits(predictor, image, labels, slices)))
    yield Progress(len(slices), len(slices), "calibrated")


def labelled_logits(
    predictor: Predictor, image: Volume, labels: Volume, slices: Sequence[int]
) -> Steps[tuple[NDArray[np.float32], NDArray[np.integer]]]:
    """Compute logits of some pixels of slices, K×N, and their N answers.

    An answer is 0 for background and k+1 for class k, whose id the labels hold.
    """
    logits = []
    truth = []
    contrast = measure_contrast(image.data)
    index = {c.id: row for row, c in enumerate(predictor.classes, 1)}
    for done, z in enumerate(slices):
        yield Progress(done, len(slices), f"calibrating on slice {z}")
        predictor.set_image(image.plane(z), image.pixel_size, contrast=contrast)
        plane = labels.plane(z)
        step = max(1, round((plane.size * len(slices) / MAX_PIXELS) ** 0.5))
        logits.append(predictor.class_logits()[:, ::step, ::step].reshape(len(index), -1))
        truth.append(lookup(plane[::step, ::step], index).ravel())
    return np.concatenate(logits, axis=1), np.concatenate(truth)


def fit(model: ScSAM, logits: NDArray[np.floating], truth: NDArray[np.integer]) -> None:
    """Fit temperature, biases and thresholds to K×N logits and N answers; set them in the model."""
    temperature = fit_temperature(logits, truth)
    biases = fit_biases(logits / temperature, truth)
    thresholds = fit_thresholds(logits / temperature + biases[:, None], truth)
    model.temperature.fill_(temperature)
    model.class_biases.copy_(torch.from_numpy(biases))
    model.thresholds.copy_(torch.from_numpy(thresholds))


def fit_temperature(logits: NDArray[np.floating], truth: NDArray[np.integer]) -> float:
    """Return the divisor of K×N logits at which N answers are most probable.

    An answer is 0 for background and k+1 for class k.
    """
    scores = np.concatenate([np.zeros_like(logits[:1]), logits])
    right = scores[truth, np.arange(len(truth))]

    def negative_log_likelihood(log_temperature: float) -> float:
        factor = np.exp(-log_temperature)
        return float((logsumexp(scores * factor, axis=0) - right * factor).mean())

    best = minimize_scalar(negative_log_likelihood, bounds=(-2.5, 2.5), method="bounded")
    return float(np.exp(best.x))


def fit_biases(logits: NDArray[np.floating], truth: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return what is added to K×N logits so that N answers are most probable; K.

    Each class then has the mean probability that it has pixels. Absent classes keep 0, as the
    slices cannot tell how rare they are.
    """
    shown = np.unique(truth[truth > 0]) - 1
    wanted = np.array([(truth == row + 1).mean() for row in shown])
    biases = np.zeros(len(logits))

    def negative_log_likelihood(values: NDArray[np.floating]) -> tuple[float, NDArray[np.floating]]:
        biases[shown] = values
        scores = np.concatenate([np.zeros_like(logits[:1]), logits + biases[:, None]])
        total = logsumexp(scores, axis=0)
        right = scores[truth, np.arange(len(truth))]
        found = np.exp(scores[shown + 1] - total).mean(axis=1)
        return float((total - right).mean()), found - wanted

    bounds = [(CANDIDATES[0], CANDIDATES[-1])] * len(shown)
    best = minimize(negative_log_likelihood, np.zeros(len(shown)), jac=True, bounds=bounds)
    biases[shown] = best.x
    return biases.astype(np.float32)


def fit_thresholds(
    logits: NDArray[np.floating], truth: NDArray[np.integer], rounds: int = 2
) -> NDArray[np.float32]:
    """Choose each class's threshold in turn for the best mean Dice; absent classes keep 0."""
    thresholds = np.zeros(len(logits), np.float32)
    for _ in range(rounds):
        for row in np.unique(truth[truth > 0]) - 1:
            competing = logits - thresholds[:, None]
            competing[row] = -np.inf
            thresholds[row] = best_threshold(logits[row], competing, truth, row + 1)
    return thresholds


def best_threshold(
    logit: NDArray[np.floating],
    competing: NDArray[np.floating],
    truth: NDArray[np.integer],
    label: int,
) -> float:
    """Return the threshold of one class, given the K×N logits of the others above theirs."""
    best = np.maximum(competing.max(0), 0)
    index = np.where(competing.max(0) > 0, competing.argmax(0) + 1, 0)
    scores = [
        mean_dice(np.where(logit - t > best, label, index), truth, len(competing))
        for t in CANDIDATES
    ]
    good = CANDIDATES[np.array(scores) >= max(scores) - SLACK]
    return float(good[np.abs(good).argmin()])


def mean_dice(predicted: NDArray[np.integer], truth: NDArray[np.integer], classes: int) -> float:
    """Return the mean Dice over the classes 1 to `classes` that occur."""
    found = overlaps(predicted, truth, range(1, classes + 1))
    return mean(overlap.dice for overlap in found.values() if overlap.truth)
