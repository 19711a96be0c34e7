"""The loop that every trainer shares, with a trainer of one number."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from napari_scsam.config import UserError
from napari_scsam.train.loop import Trainer, TrainingRun, create_optimiser, training_steps
from napari_scsam.train.resume import state_file, write_state
from napari_scsam.train.schedule import learning_rate

CPU = torch.device("cpu")


@dataclass
class Record:
    """What the loop asked of a trainer."""

    batches: list[int] = field(default_factory=list)
    saved: list[int] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)


def run_into(folder: Path, **settings: object) -> TrainingRun:
    values = {"steps": 5, "save_every": 2, **settings}
    return TrainingRun(folder / "number.safetensors", values, values, (), CPU, 5, 2)


def trainer_of(record: Record, peak: float = 0.1) -> Trainer[int]:
    """Train one number towards 3."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)

    def save(steps: int) -> np.ndarray:
        record.saved.append(steps)
        return np.zeros((8, 8, 3), np.uint8)

    def losses_of(batch: int) -> dict[str, torch.Tensor]:
        record.batches.append(batch)
        return {"loss": (model.weight - 3).square().sum(), "batch": torch.tensor(float(batch))}

    return Trainer(
        model,
        create_optimiser([{"params": list(model.parameters()), "peak": peak}], CPU),
        batches=iter,
        losses_of=losses_of,
        save=save,
        finish=lambda: record.finished.append(record.batches[-1]),
    )


def test_each_step_is_optimised_recorded_and_saved_in_its_turn(tmp_path: Path) -> None:
    record = Record()
    trainer = trainer_of(record)
    steps = list(training_steps(run_into(tmp_path), trainer))
    assert [(step.step, step.total) for step in steps] == [(n, 5) for n in range(1, 6)]
    losses = [step.losses["loss"] for step in steps]
    assert losses[0] == 9
    assert losses == sorted(losses, reverse=True)
    assert record.batches == [0, 1, 2, 3, 4]
    assert (record.saved, record.finished) == ([2, 4, 5], [4])
    with (tmp_path / "number.run" / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["batch"]) for row in rows] == [0, 1, 2, 3, 4]
    rates = [learning_rate(step, 5, 0.1) for step in range(5)]
    assert [float(row["rate"]) for row in rows] == pytest.approx(rates, rel=1e-4)
    assert not state_file(tmp_path / "number.safetensors").exists()


def test_a_large_gradient_is_scaled_down(tmp_path: Path) -> None:
    trainer = trainer_of(Record())
    norms: list[float] = []
    step_of = trainer.optimiser.step

    def step() -> None:
        norms.append(float(trainer.model.weight.grad.norm()))
        step_of()

    trainer.optimiser.step = step
    next(training_steps(run_into(tmp_path), trainer))
    assert norms == pytest.approx([1.0], rel=1e-4)


def test_a_stopped_run_is_resumed_after_the_step_saved_last(tmp_path: Path) -> None:
    whole = [
        step.losses["loss"]
        for step in training_steps(run_into(tmp_path / "a"), trainer_of(Record()))
    ]
    run = training_steps(run_into(tmp_path / "b"), trainer_of(Record()))
    for _ in range(3):  # one more than was saved
        next(run)
    run.close()
    record = Record()
    resumed = list(training_steps(run_into(tmp_path / "b"), trainer_of(record)))
    assert [step.step for step in resumed] == [3, 4, 5]
    assert [step.losses["loss"] for step in resumed] == pytest.approx(whole[2:])
    assert record.batches == [2, 3, 4]


def test_other_settings_start_again_only_when_that_is_announced(tmp_path: Path) -> None:
    run = training_steps(run_into(tmp_path), trainer_of(Record()))
    next(run), next(run), run.close()
    with pytest.raises(UserError, match="seed: none → 1"):
        next(training_steps(run_into(tmp_path, seed=1), trainer_of(Record())))
    told: list[str] = []
    assert (
        next(training_steps(run_into(tmp_path, seed=1), trainer_of(Record()), told.append)).step
        == 1
    )
    assert len(told) == 1
    assert "seed: none → 1" in told[0]


def test_a_run_that_is_killed_while_it_writes_its_checkpoint_writes_it_again(
    tmp_path: Path,
) -> None:
    record = Record()
    trainer = trainer_of(record)

    def killed(steps: int) -> np.ndarray:
        if steps == 5:
            raise KeyboardInterrupt
        return trainer.save(steps)

    with pytest.raises(KeyboardInterrupt):
        list(training_steps(run_into(tmp_path), replace(trainer, save=killed)))
    record.saved.clear()
    list(training_steps(run_into(tmp_path), trainer_of(record)))
    assert record.saved == [5]


def test_a_state_of_version_0_1_that_has_no_checkpoint_gets_one(tmp_path: Path) -> None:
    """It wrote the state before the checkpoint: killed between the two, the run had no result."""
    record = Record()
    run = run_into(tmp_path)
    trainer = trainer_of(record)
    list(training_steps(run, trainer))
    write_state(state_file(run.out), trainer.model, trainer.optimiser, 5, dict(run.settings))
    record.saved.clear()
    list(training_steps(run, trainer))
    assert record.saved == [5]
    assert not state_file(run.out).exists()
