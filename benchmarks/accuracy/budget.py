"""Training within a budget of CPU time, so that a busy machine does not change the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_scsam.train.recipe import Recipe
from napari_scsam.train.schedule import TrainStep

Trainer = Callable[[Recipe, Path], Iterator[TrainStep]]

NEVER = 1_000_000


def with_steps(recipe: Recipe, steps: int) -> Recipe:
    """Give a run another length; it is written at the end only."""
    return replace(recipe, training=replace(recipe.training, steps=steps, save_every=steps))


def measure(trainer: Trainer, recipe: Recipe, out: Path, probe: int) -> tuple[float, float]:
    """Begin a run, throw it away, and say how many CPU seconds its set-up and each step take; nothing is written."""
    run, times = trainer(with_steps(recipe, NEVER), out), [time.process_time()]
    for _ in range(probe):
        next(run)
        times.append(time.process_time())
    del run
    first, *others = np.diff(times)
    return max(0.0, first - np.mean(others)), float(np.mean(others))


def fit(trainer: Trainer, recipe: Recipe, out: Path, budget: float, probe: int) -> dict[str, Any]:
    """Train for as many steps as the budget allows, so that the learning rate's cosine ends with it.

    Parameters
    ----------
    trainer
        Begins a run that writes `out`.
    recipe
        All but its number of steps.
    out
        The checkpoint to write.
    budget
        CPU seconds, measuring and set-up included.
    probe
        Steps that measure how long a step takes, 2 or more.

    Returns
    -------
    record
        Steps, crops, CPU seconds and the last loss.
    """
    began = time.process_time()
    setup, step = measure(trainer, recipe, out, probe)
    left = budget - setup - (time.process_time() - began)
    for last in trainer(with_steps(recipe, max(1, int(left / step))), out):
        loss, steps = last.losses["loss"], last.total
    crops = steps * recipe.training.batch
    return {"steps": steps, "crops": crops, "cpu_seconds": time.process_time() - began, "cpu_seconds_a_step": step, "last_loss": loss}
