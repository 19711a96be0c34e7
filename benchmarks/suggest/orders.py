"""Orders in which slices may be reviewed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Maps = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Seen:
    """What an order may know of a slice before it is reviewed."""

    z: int
    summary: Floats
    """Mean and spread of the network's features."""
    scores: Mapping[str, float]
    """By name, the higher the sooner."""


Order = Callable[[Sequence[Seen], int, np.random.Generator], list[int]]
"""Puts slices in an order, given the index of the first."""


def seen(maps: Maps, z: int) -> Seen:
    """Measure what orders go by."""
    fine = maps["fused"].reshape(len(maps["fused"]), -1)
    return Seen(z, np.concatenate([fine.mean(1), fine.std(1)]).astype(float), scores_of(maps))


def scores_of(maps: Maps) -> dict[str, float]:
    """Measure doubt, predicted area, and disagreement of two views."""
    shares = probabilities(maps["logits"])
    other = probabilities(maps["view"])
    doubt = -(shares * np.log(shares + 1e-6)).sum(0)
    return {
        "mean entropy": float(doubt.mean()),
        "entropy of the worst regions": worst(doubt),
        "predicted area": float(1 - shares[0].mean()),
        "disagreement of two views": worst(np.abs(shares - other).sum(0)),
    }


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (1+K)×h×w shares, background first, of K×h×w logits."""
    with_background = np.concatenate([np.zeros_like(logits[:1]), logits])
    powers = np.exp(with_background - with_background.max(0))
    return np.asarray(powers / powers.sum(0))


def worst(values: NDArray[np.float32], side: int = 8, share: float = 0.2) -> float:
    """Return the mean of the highest `share` of the squares of `side` cells."""
    rows, columns = (size // side for size in values.shape)
    squares = values[: rows * side, : columns * side].reshape(rows, side, columns, side)
    means = np.sort(squares.mean((1, 3)).ravel())
    return float(means[-max(1, round(share * means.size)) :].mean())


def at_random(slices: Sequence[Seen], first: int, chance: np.random.Generator) -> list[int]:
    """Return a random order."""
    others = [i for i in range(len(slices)) if i != first]
    return [first, *chance.permutation(others).tolist()]


def by_score(
    name: str, slices: Sequence[Seen], first: int, chance: np.random.Generator
) -> list[int]:
    """Return the order of falling scores."""
    del chance
    ranked = sorted(range(len(slices)), key=lambda i: -slices[i].scores[name])
    return [first, *(i for i in ranked if i != first)]


def regular(slices: Sequence[Seen], first: int, chance: np.random.Generator) -> list[int]:
    """Return the order of ``scsam suggest``: each as far as possible from those before it."""
    del chance
    return spread(places(slices), first, np.ones(len(slices)))


def representative(slices: Sequence[Seen], first: int, chance: np.random.Generator) -> list[int]:
    """Return an order in which each looks as different as possible from those before it."""
    del chance
    return spread(looks(slices), first, np.ones(len(slices)))


def weighted(
    name: str, slices: Sequence[Seen], first: int, chance: np.random.Generator
) -> list[int]:
    """Return a regular order in which distances count more where a score is high."""
    del chance
    scores = np.array([each.scores[name] for each in slices])
    weights = 0.5 + (scores - scores.min()) / (np.ptp(scores) + 1e-9)
    return spread(places(slices), first, weights)


def places(slices: Sequence[Seen]) -> Floats:
    """Return the places of N slices in the volume, N×1."""
    return np.array([[each.z] for each in slices], float)


def looks(slices: Sequence[Seen]) -> Floats:
    """Return the standardised summaries of N slices, N×F."""
    summaries = np.stack([each.summary for each in slices])
    return np.asarray((summaries - summaries.mean(0)) / (summaries.std(0) + 1e-6))


def spread(points: Floats, first: int, weights: Floats) -> list[int]:
    """Order N×F points: each the farthest from those before it, by weighted distance (k-centre)."""
    order = [first]
    distances = np.linalg.norm(points - points[first], axis=1)
    while len(order) < len(points):
        rated = distances * weights
        rated[order] = -1
        order.append(int(rated.argmax()))
        distances = np.minimum(distances, np.linalg.norm(points - points[order[-1]], axis=1))
    return order


ORDERS: Mapping[str, Order] = {
    "random": at_random,
    "regular spacing, as scsam suggest": regular,
    "most predicted area": partial(by_score, "predicted area"),
    "highest mean entropy": partial(by_score, "mean entropy"),
    "highest entropy of the worst regions": partial(by_score, "entropy of the worst regions"),
    "most disagreement of two views": partial(by_score, "disagreement of two views"),
    "most different look": representative,
    "spacing times predicted area": partial(weighted, "predicted area"),
    "spacing times entropy of the worst regions": partial(weighted, "entropy of the worst regions"),
}
