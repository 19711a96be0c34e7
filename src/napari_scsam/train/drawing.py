"""Batches in the order of a run's steps, drawn ahead by other processes for a graphics card."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

MAX_PROCESSES = 8
"""Processes that draw ahead; more seldom help."""

B_co = TypeVar("B_co", covariant=True)


class CropSource(Protocol[B_co]):
    """What draws batches."""

    def batch(self, generator: torch.Generator) -> B_co:
        """Draw one batch; the generator's state fixes it."""
        ...


def generator_of(seed: int, step: int) -> torch.Generator:
    """Return the random generator of one step; a resumed run has the same."""
    return torch.Generator().manual_seed(step_seed(seed, step))


def step_seed(seed: int, step: int) -> int:
    """Return the seed of one step of a run."""
    return seed * 1_000_003 + step


class StepBatches(Dataset[tuple[B_co, Tensor]], Generic[B_co]):
    """Batches by their step, each with the state of its random generator afterwards."""

    def __init__(self, crops: CropSource[B_co], seed: int) -> None:
        self.crops = crops
        self.seed = seed

    def __getitem__(self, step: int) -> tuple[B_co, Tensor]:
        """Draw the batch of a step."""
        generator = generator_of(self.seed, step)
        return self.crops.batch(generator), generator.get_state()


def spare_processes(device: torch.device) -> int:
    """Return how many processes may draw ahead: none with a CPU, which is busy training."""
    if device.type == "cpu":
        return 0
    return max(0, min(MAX_PROCESSES, (os.cpu_count() or 1) - 1))


def draw_steps(
    crops: CropSource[B_co], seed: int, steps: range, processes: int = 0
) -> Iterator[tuple[B_co, torch.Generator]]:
    """Draw the batch of each step, and the random generator for the rest of the step.

    Parameters
    ----------
    crops
        Draws them.
    seed
        Of the run; batches do not depend on the number of processes.
    steps
        Which ones.
    processes
        How many draw ahead; with 0 each batch is drawn when it is asked for.
    """
    # The sampler sets the first step: a DataLoader has no option for where to start.
    loader: DataLoader[tuple[B_co, Tensor]] = DataLoader(
        StepBatches(crops, seed),
        batch_size=None,
        sampler=steps,
        num_workers=processes,
        pin_memory=processes > 0 and torch.cuda.is_available(),
    )
    for batch, state in loader:
        generator = torch.Generator()
        generator.set_state(state)
        yield batch, generator
