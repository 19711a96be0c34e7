"""The record of a training step, and the learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class TrainStep:
    """One step of a run, for a progress bar, a log or a live plot."""

    step: int
    total: int
    losses: dict[str, float]
    """By name; ``"loss"`` is the one that is minimised."""
    seconds: float
    """Since the run started or resumed."""


def learning_rate(step: int, total: int, peak: float, warm_up: float = 0.05) -> float:
    """Return a rate that rises linearly over `warm_up` of the run, then falls to 1 % as a cosine."""
    warm = max(1, round(total * warm_up))
    if step < warm:
        return peak * (step + 1) / warm
    done = (step - warm) / max(1, total - warm)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
