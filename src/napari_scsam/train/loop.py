"""The training loop that every trainer shares: optimise, record, save, and resume a stopped run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from napari_scsam.train.resume import StateKeeper, read_state, state_file
from napari_scsam.train.run_folder import TrainingFolder
from napari_scsam.train.schedule import TrainStep, learning_rate

B = TypeVar("B")

MAX_GRADIENT = 1.0
"""Gradients of a larger norm are scaled down to it."""


@dataclass(frozen=True)
class TrainingRun:
    """What a training run writes and reads, and how long it takes."""

    out: Path
    """The checkpoint, which ends in ``.safetensors``."""
    settings: Mapping[str, Any]
    """Plain JSON values; a stopped run is resumed only with equal settings."""
    record: Mapping[str, Any]
    """The settings as ``run.json`` keeps them."""
    files: tuple[Path, ...]
    """Everything that the run reads."""
    device: torch.device
    steps: int
    save_every: int


@dataclass(frozen=True)
class Trainer(Generic[B]):
    """What one way of training puts into the loop.

    `create_optimiser` makes one for it; each of its parameter groups holds a ``"peak"`` learning rate.
    """

    model: nn.Module
    optimiser: Optimizer
    batches: Callable[[range], Iterable[B]]
    """Yield the batch of each of these steps."""
    losses_of: Callable[[B], Mapping[str, Tensor]]
    """Return the losses of a batch by name; ``"loss"`` is minimised."""
    save: Callable[[int], NDArray[np.uint8]]
    """Write the checkpoint after that many steps, and return a picture of predictions, Y×X×3."""
    finish: Callable[[], object] = lambda: None
    """Called after the last step, before it is saved."""


def create_optimiser(
    groups: Iterable[dict[str, Any]], device: torch.device, **settings: Any
) -> AdamW:
    """Create AdamW over parameter groups, each with a ``"peak"`` learning rate."""
    return AdamW(groups, lr=0.0, fused=device.type == "cuda", **settings)


def training_steps(
    run: TrainingRun, trainer: Trainer[B], on_restart: Callable[[str], object] | None = None
) -> Iterator[TrainStep]:
    """Train to the end of a run, from the step that it was stopped at.

    A generator: each step is yielded, and closing it stops the run.

    Parameters
    ----------
    run
        Where it writes and how long it takes.
    trainer
        What is trained, and how.
    on_restart
        Receives a sentence when a stopped run with other settings is discarded.

    Raises
    ------
    UserError
        When there is such a run, and `on_restart` is not given.
    """
    model = trainer.model
    optimiser = trainer.optimiser
    state = state_file(run.out)
    first = read_state(state, model, optimiser, dict(run.settings), on_restart)
    started = time.monotonic()
    folder = TrainingFolder(run.out, run.record, run.files, run.device, first)
    keeper = StateKeeper(state, model, optimiser, dict(run.settings))
    steps = range(first, run.steps)
    for step, batch in zip(steps, trainer.batches(steps), strict=True):
        set_learning_rates(optimiser, step, run.steps)
        losses = optimise(model, optimiser, trainer.losses_of(batch))
        done = TrainStep(step + 1, run.steps, losses, time.monotonic() - started)
        folder.add(done, optimiser)
        last = done.step == run.steps
        if last:
            trainer.finish()
        is_saved = last or done.step % run.save_every == 0
        if is_saved:
            folder.save(done, trainer.save(done.step))
        # After the checkpoint: a state that says that all steps are done promises that it is there.
        keeper.keep(done.step, now=is_saved)
        yield done
    if not steps and not run.out.is_file():
        trainer.save(run.steps)  # version 0.1 wrote the state first, and was killed between
    state.unlink(missing_ok=True)


def set_learning_rates(optimiser: Optimizer, step: int, total: int) -> None:
    """Set the learning rate of each parameter group for a step."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate(step, total, group["peak"])


def optimise(
    model: nn.Module, optimiser: Optimizer, losses: Mapping[str, Tensor]
) -> dict[str, float]:
    """Take one step down the gradient of ``losses["loss"]`` and return the losses as numbers."""
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(losses["loss"])
    torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT)
    optimiser.step()
    return {name: value.item() for name, value in losses.items()}
