"""Batches by step: the same with and without processes that draw ahead."""

from __future__ import annotations

import os

import pytest
import torch
from torch import Tensor

from napari_scsam.train.drawing import MAX_PROCESSES, draw_steps, generator_of, spare_processes


class Dice:
    """Draws three numbers; tells which process drew them."""

    def batch(self, generator: torch.Generator) -> Tensor:
        return torch.cat([torch.rand(3, generator=generator), torch.tensor([float(os.getpid())])])


@pytest.mark.parametrize("processes", [0, 2])
def test_a_step_has_its_batch_and_its_further_chance(processes: int) -> None:
    drawn = list(draw_steps(Dice(), 7, range(5, 9), processes))
    assert len(drawn) == 4
    for step, (batch, generator) in enumerate(drawn, 5):
        expected = generator_of(7, step)
        assert torch.equal(batch[:3], torch.rand(3, generator=expected))
        assert torch.equal(torch.rand(4, generator=generator), torch.rand(4, generator=expected))
    assert len({float(batch[3]) for batch, _ in drawn}) == max(1, processes)


def test_steps_and_seeds_differ() -> None:
    firsts = {
        float(torch.rand((), generator=generator_of(seed, step)))
        for seed in range(3)
        for step in range(3)
    }
    assert len(firsts) == 9


@pytest.mark.parametrize(
    ("device", "cores", "spare"),
    [("cpu", 64, 0), ("cuda", 64, MAX_PROCESSES), ("cuda", 4, 3), ("mps", 1, 0)],
)
def test_processes_are_drawn_from_where_they_can_be_spared(
    device: str, cores: int, spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert spare_processes(torch.device(device)) == spare
