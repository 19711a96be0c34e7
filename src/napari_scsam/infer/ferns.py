"""A forest of ferns: decision trees that ask the same question on a whole level.

A fern reads a few features, compares each with a threshold, and looks the
answer up in a table (Özuysal et al. 2010, "Fast keypoint recognition using
random ferns"; CatBoost's oblivious trees are the same). A million pixels go
through forty of them in a second, and a fern is three small arrays, so that
nothing has to be pickled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FERNS = 40
DEPTH = 8
"""Questions of a fern, at most 8: answers fit one byte."""

CANDIDATES = 6
"""Questions drawn for each level; the best is kept."""

SHRINK = 0.3
"""Samples of either class that each leaf is given beforehand, half and half."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Ferns:
    """A fitted forest."""

    features: NDArray[np.int64]
    """FERNS×DEPTH, which feature each question reads."""
    thresholds: Floats
    """FERNS×DEPTH, above which the answer is yes."""
    leaves: Floats
    """FERNS×2**DEPTH probabilities of the class."""

    def probability(self, values: Floats) -> Floats:
        """Compute the probability of the class for F×N feature values: N."""
        total = np.zeros(values.shape[1], np.float32)
        for features, thresholds, leaves in zip(
            self.features, self.thresholds, self.leaves, strict=True
        ):
            codes = np.zeros(values.shape[1], np.uint8)
            for feature, threshold in zip(features, thresholds, strict=True):
                codes <<= 1
                codes |= values[feature] > threshold
            total += leaves[codes]
        return total / np.float32(len(self.leaves))


@dataclass(frozen=True, eq=False)
class Question:
    """A feature, a threshold, and the answers of N samples."""

    feature: int
    threshold: float
    answers: NDArray[np.bool_]


def fit_ferns(
    values: Floats, positive: NDArray[np.bool_], weights: NDArray[np.float64], seed: int = 0
) -> Ferns:
    """Grow a forest; the same samples and seed grow the same one.

    Parameters
    ----------
    values
        N×F.
    positive
        N, whether each sample shows the class.
    weights
        N, about 1 on average.
    seed
        Of the random draws.
    """
    chance = np.random.default_rng(seed)
    grown = [
        grow(values, positive, weights * chance.poisson(1.0, len(values)), chance)
        for _ in range(FERNS)
    ]
    features, thresholds, leaves = zip(*grown, strict=True)
    return Ferns(
        np.array(features, np.int64), np.array(thresholds, np.float32), np.array(leaves, np.float32)
    )


def grow(
    values: Floats,
    positive: NDArray[np.bool_],
    weights: NDArray[np.float64],
    chance: np.random.Generator,
) -> tuple[list[int], list[float], NDArray[np.float64]]:
    """Grow one fern, level by level."""
    codes = np.zeros(len(values), np.int64)
    shown = weights * positive
    features: list[int] = []
    thresholds: list[float] = []
    for level in range(DEPTH):
        best = best_question(values, shown, weights, codes, level, chance)
        features.append(best.feature)
        thresholds.append(best.threshold)
        codes = 2 * codes + best.answers
    held = np.bincount(codes, shown, 2**DEPTH)
    total = np.bincount(codes, weights, 2**DEPTH)
    return features, thresholds, (held + SHRINK / 2) / (total + SHRINK)


def best_question(
    values: Floats,
    shown: NDArray[np.float64],
    weights: NDArray[np.float64],
    codes: NDArray[np.int64],
    level: int,
    chance: np.random.Generator,
) -> Question:
    """Draw a few questions and keep the one that separates the leaves best, by Gini's index."""
    count, width = values.shape
    features = chance.integers(width, size=CANDIDATES)
    ends = values[chance.integers(count, size=(2, CANDIDATES)), features]
    thresholds = (ends[0] + (ends[1] - ends[0]) * chance.random(CANDIDATES)).astype(np.float32)
    answers = values[:, features] > thresholds
    leaves = 2 << level
    places = (2 * codes[:, None] + answers + leaves * np.arange(CANDIDATES)).ravel()
    held = np.bincount(places, np.repeat(shown, CANDIDATES), leaves * CANDIDATES)
    total = np.bincount(places, np.repeat(weights, CANDIDATES), leaves * CANDIDATES)
    purity = (held**2 + (total - held) ** 2) / np.maximum(total, 1e-9)
    best = int(purity.reshape(CANDIDATES, leaves).sum(1).argmax())
    return Question(int(features[best]), float(thresholds[best]), answers[:, best])
