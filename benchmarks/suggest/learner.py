"""A classifier that learns from reviewed slices in milliseconds: about what fine-tuning learns.

It is linear on the network's features and logits (ridge regression), with a threshold for each
class that is best on the reviewed slices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Maps = Mapping[str, NDArray[np.float32]]
"""What `benchmarks.suggest.features` computes of a slice."""

CELLS = 4000
"""Cells of a slice that teach or are scored, drawn at random."""

RIDGE = 0.02
"""Weight of the squared weights, beside a mean squared error."""

LEVELS = 128
"""Thresholds that are tried."""


@dataclass(eq=False)
class Example:
    """What one slice teaches."""

    values: NDArray[np.float32]
    """N×F features of cells."""
    truth: NDArray[np.bool_]
    """K×N, where each class is."""

    @cached_property
    def products(self) -> Floats:
        """F×F, mean products of features."""
        return np.asarray(self.values.T @ self.values, float) / len(self.values)

    @cached_property
    def moments(self) -> Floats:
        """F×K, mean products of features with ±1, where a class is or not."""
        signs = 2.0 * self.truth.T - 1
        return np.asarray(self.values.T @ signs, float) / len(self.values)


def example(maps: Maps, classes: Sequence[int]) -> Example:
    """Draw cells of a slice, always the same, and read what they teach of some classes."""
    shape = maps["logits"].shape[1:]
    drawn = np.random.default_rng(0).permutation(shape[0] * shape[1])[:CELLS]
    fused = enlarged(maps["fused"], shape)
    stack = np.concatenate([maps["logits"], maps["detail"], fused, maps["grey"][None]])
    values = stack.reshape(len(stack), -1)[:, drawn].T
    truth = maps["truth"][list(classes)].reshape(len(classes), -1)[:, drawn] > 0.5
    return Example(np.concatenate([values, np.ones_like(values[:, :1])], axis=1), truth)


def enlarged(coarse: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Enlarge C×h×w maps to a shape, bilinear."""
    size = (shape[0], shape[1])
    fine = torch.nn.functional.interpolate(torch.from_numpy(coarse)[None], size, mode="bilinear")
    return np.asarray(fine[0].numpy())


def standardise(examples: Sequence[Example]) -> None:
    """Scale all features but the last to mean 0 and spread 1, in place."""
    values = np.concatenate([each.values for each in examples])
    mean = values.mean(0)
    spread = values.std(0) + 1e-6
    mean[-1] = 0
    spread[-1] = 1
    for each in examples:
        each.values = (each.values - mean) / spread


def learned_dice(reviewed: Sequence[Example], held_out: Sequence[Example]) -> float:
    """Learn from reviewed slices, and return the mean Dice of the classes on others."""
    products = np.mean([each.products for each in reviewed], axis=0)
    moments = np.mean([each.moments for each in reviewed], axis=0)
    weights = np.linalg.solve(products + RIDGE * np.eye(len(products)), moments)
    seen = np.concatenate([each.values @ weights for each in reviewed])
    unseen = np.concatenate([each.values @ weights for each in held_out])
    known = np.concatenate([each.truth for each in reviewed], axis=1)
    asked = np.concatenate([each.truth for each in held_out], axis=1)
    scores = [
        dice(unseen[:, row] > best_threshold(seen[:, row], known[row]), asked[row])
        for row in range(len(asked))
        if asked[row].any()
    ]
    return float(np.mean(scores))


def best_threshold(scores: Floats, truth: NDArray[np.bool_]) -> float:
    """Return the threshold with the highest Dice; infinite where there is nothing to find."""
    if not truth.any():
        return float("inf")
    edges = np.linspace(-1.5, 1.5, LEVELS + 1)
    right = np.histogram(scores[truth], edges)[0][::-1].cumsum()
    wrong = np.histogram(scores[~truth], edges)[0][::-1].cumsum()
    return float(edges[:-1][::-1][(2 * right / (right + wrong + truth.sum() + 1e-9)).argmax()])


def dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return the Dice of two masks, one of which is not empty."""
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))
