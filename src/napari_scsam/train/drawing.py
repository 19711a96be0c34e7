"""Batches in the order of a run's steps, drawn ahead by processes of their own where a graphics card would wait for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

MOST_PROCESSES = 8
"""Drawing ahead; more are seldom of use."""

B_co = TypeVar("B_co", covariant=True)


class Crops(Protocol[B_co]):
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


class Steps(Dataset[tuple[B_co, Tensor]], Generic[B_co]):
    """Batches by their step, each with the state that chance is then in."""

    def __init__(self, crops: Crops[B_co], seed: int) -> None:
        self.crops = crops
        self.seed = seed

    def __getitem__(self, step: int) -> tuple[B_co, Tensor]:
        """Draw the batch of a step."""
        generator = generator_of(self.seed, step)
        return self.crops.batch(generator), generator.get_state()


def spare_processes(device: torch.device) -> int:
    """Say how many processes may draw ahead: none beside a CPU, which trains with all it has."""
    return 0 if device.type == "cpu" else max(0, min(MOST_PROCESSES, (os.cpu_count() or 1) - 1))


def draw_steps(
    crops: Crops[B_co], seed: int, steps: range, processes: int = 0
) -> Iterator[tuple[B_co, torch.Generator]]:
    """Draw the batch of each step, and give it with what the step's further chance comes from.

    Parameters
    ----------
    crops
        Draws them.
    seed
        Of the run; batches do not depend on the number of processes.
    steps
        Which ones.
    processes
        How many draw ahead; with none each batch is drawn when it is asked for.
    """
    # steps is passed as the order to go through, for a DataLoader has no other word for where to begin.
    loader: DataLoader[tuple[B_co, Tensor]] = DataLoader(
        Steps(crops, seed),
        batch_size=None,
        sampler=steps,
        num_workers=processes,
        pin_memory=processes > 0 and torch.cuda.is_available(),
    )
    for batch, state in loader:
        generator = torch.Generator()
        generator.set_state(state)
        yield batch, generator
