"""The cost of a training step, from which each run's number of steps follows.

Costs are measured once, on one thread, in turn, and kept: a busy or another machine then changes how long a run takes, not what comes out.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_scsam.train.recipe import Recipe
from napari_scsam.train.schedule import TrainStep

Trainer = Callable[[Recipe, Path], Iterator[TrainStep]]

NEVER = 1_000_000


def with_steps(recipe: Recipe, steps: int) -> Recipe:
    """Return a recipe with that many steps, whose checkpoint is written at the end only."""
    return replace(recipe, training=replace(recipe.training, steps=steps, save_every=steps))


def seconds_a_step(trainers: Mapping[str, tuple[Trainer, Recipe]], rounds: int) -> dict[str, float]:
    """Train all in turn, a step each, and return the median CPU seconds of a step.

    Parameters
    ----------
    trainers
        What begins each run, and with what.
    rounds
        Steps of each that count; one more before warms up.
    """
    times: dict[str, list[float]] = {name: [] for name in trainers}
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            name: trainer(with_steps(recipe, NEVER), Path(folder) / name / "unused.safetensors")
            for name, (trainer, recipe) in trainers.items()
        }
        for _ in range(rounds + 1):
            for name, run in runs.items():
                began = time.process_time()
                next(run)
                times[name].append(time.process_time() - began)
        runs.clear()  # ends them, before their folder goes
    return {name: statistics.median(seconds[1:]) for name, seconds in times.items()}


def fit(trainer: Trainer, recipe: Recipe, out: Path, steps: int) -> dict[str, Any]:
    """Train for a number of steps.

    Parameters
    ----------
    trainer
        Begins a run that writes `out`.
    recipe
        All but its number of steps.
    out
        The checkpoint to write.
    steps
        How many.

    Returns
    -------
    record
        Steps, crops, CPU seconds on this machine and the last loss.
    """
    began = time.process_time()
    for last in trainer(with_steps(recipe, steps), out):
        loss = last.losses["loss"]
    return {
        "steps": steps,
        "crops": steps * recipe.training.batch,
        "cpu_seconds": time.process_time() - began,
        "last_loss": loss,
    }
