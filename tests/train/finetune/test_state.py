from pathlib import Path
from typing import Any

import pytest
import torch
from broken_checkpoint import break_file
from torch import nn

from napari_scsam.config import UserError
from napari_scsam.train.finetune.state import Saved, StateFile


def step(model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad()
    model(torch.ones(1, 3)).sum().backward()
    optimiser.step()


def fresh() -> tuple[nn.Linear, torch.optim.AdamW]:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    return model, torch.optim.AdamW(model.parameters(), lr=0.1)


def test_a_resumed_run_takes_the_step_that_the_stopped_one_would_have_taken(tmp_path: Path) -> None:
    model, optimiser = fresh()
    step(model, optimiser)
    StateFile(tmp_path / "run.state", {"seed": 1}).write(model, optimiser, Saved(1, 9, 2.5))
    step(model, optimiser)
    resumed, its = fresh()
    saved = StateFile(tmp_path / "run.state", {"seed": 1}).read(resumed, its)
    step(resumed, its)
    assert saved == Saved(1, 9, 2.5)
    torch.testing.assert_close(resumed.weight, model.weight)


def test_what_does_not_learn_is_not_written(tmp_path: Path) -> None:
    model, optimiser = fresh()
    model.bias.requires_grad_(False)
    StateFile(tmp_path / "run.state", {}).write(model, optimiser, Saved(0, 9, 0.0))
    other, its = fresh()
    nn.init.ones_(other.bias)
    other.bias.requires_grad_(False)
    StateFile(tmp_path / "run.state", {}).read(other, its)
    assert bool((other.bias == 1).all())


def test_a_state_of_other_settings_is_refused(tmp_path: Path) -> None:
    model, optimiser = fresh()
    StateFile(tmp_path / "run.state", {"seed": 1}).write(model, optimiser, Saved(1, 9, 2.5))
    with pytest.raises(UserError, match="other data or settings"):
        StateFile(tmp_path / "run.state", {"seed": 2}).read(model, optimiser)


def test_a_damaged_state_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "run.state").write_bytes(b"cut off")
    with pytest.raises(UserError, match=r"run\.state is damaged"):
        StateFile(tmp_path / "run.state", {}).read(*fresh())


def test_without_a_state_nothing_is_resumed(tmp_path: Path) -> None:
    assert StateFile(tmp_path / "run.state", {}).read(*fresh()) is None
    assert StateFile(None, {}).read(*fresh()) is None


def test_the_state_of_a_finished_run_is_removed(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "run.state", {})
    state.write(*fresh(), Saved(1, 9, 2.5))
    state.remove()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        lambda meta, _: meta.update(progress="{"),
        lambda meta, _: meta.update(progress='{"step": 1, "more": 2}'),
        lambda meta, _: meta.pop("run"),
        lambda _, weights: weights["weights.weight"].fill_(float("nan")),
        lambda _, weights: weights.update({"weights.weight": torch.zeros(7)}),
        lambda _, weights: weights.update({"optimiser.first.step": torch.zeros(1)}),
    ],
)
def test_a_state_with_one_damaged_part_is_refused(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "run.state"
    model, optimiser = fresh()
    step(model, optimiser)
    StateFile(path, {}).write(model, optimiser, Saved(1, 9, 2.5))
    break_file(path, path, damage)
    with pytest.raises(UserError, match=r"run\.state"):
        StateFile(path, {}).read(*fresh())
