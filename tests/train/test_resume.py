"""The state of a run on disk: what is read back goes on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from broken_checkpoint import break_file
from safetensors.torch import save_file
from torch import nn

from napari_scsam.config import UserError
from napari_scsam.train import resume
from napari_scsam.train.resume import (
    check_own_state,
    differences,
    read_state,
    state_file,
    write_state,
)

RUN: dict[str, Any] = {"steps": 6, "sources": ["a.tif"], "pair": (1, 2)}


def start() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 3)).to(
        memory_format=torch.channels_last
    )
    model[2].bias.requires_grad_(False)
    return model, torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)


def go_on(model: nn.Module, optimiser: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        optimiser.zero_grad()
        model(
            torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(step))
        ).square().mean().backward()
        optimiser.step()


def test_a_stopped_run_goes_on_exactly(tmp_path: Path) -> None:
    whole = start()
    go_on(*whole, range(6))
    stopped = start()
    go_on(*stopped, range(3))
    write_state(tmp_path / "run.resume", *stopped, 3, RUN)
    resumed = start()
    assert read_state(tmp_path / "run.resume", *resumed, RUN) == 3
    go_on(*resumed, range(3, 6))
    for (name, value), other in zip(
        whole[0].state_dict().items(), resumed[0].state_dict().values(), strict=True
    ):
        assert torch.equal(value, other), name
    assert [p.name for p in tmp_path.iterdir()] == ["run.resume"]


def test_a_run_that_seldom_saves_keeps_its_state_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, run = tmp_path / "run.resume", start()
    keeper = resume.StateKeeper(path, *run, RUN)
    keeper.keep(1, now=False)
    assert not path.exists()
    keeper.keep(2, now=True)
    assert read_state(path, *start(), RUN) == 2
    monkeypatch.setattr(resume, "SAVE_SECONDS", -1.0)
    keeper.keep(3, now=False)
    assert read_state(path, *start(), RUN) == 3


def test_another_run_starts_from_nothing(tmp_path: Path) -> None:
    model, optimiser = start()
    go_on(model, optimiser, range(2))
    write_state(tmp_path / "run.resume", model, optimiser, 2, RUN)
    fresh = start()
    before = {k: v.clone() for k, v in fresh[0].state_dict().items()}
    with pytest.raises(
        UserError,
        match=r"with other settings \(steps: 6 → 7\) was stopped after step 2; use those settings .* --overwrite",
    ):
        read_state(tmp_path / "run.resume", *fresh, RUN | {"steps": 7})
    told: list[str] = []
    assert read_state(tmp_path / "run.resume", *fresh, RUN | {"steps": 7}, told.append) == 0
    assert told == [
        (
            f"a run into {tmp_path / 'run.safetensors'} with other settings (steps: 6 → 7) "
            "was stopped after step 2, so this one starts from the beginning"
        )
    ]
    assert (tmp_path / "run.resume").is_file()
    assert (
        read_state(tmp_path / "run.resume", *start(), dict(reversed(RUN.items())), told.append) == 2
    ), "their order means nothing"
    assert len(told) == 1
    assert read_state(tmp_path / "other.resume", *fresh, RUN) == 0
    assert all(torch.equal(v, before[k]) for k, v in fresh[0].state_dict().items())


def test_what_differs_is_named():
    then = {
        "training": {"steps": 4, "unfreeze": []},
        "sources": [{"image": "a.tif"}, {"image": "b.tif"}],
        "start": None,
        "note": "x" * 99,
    }
    now = {
        "training": {"steps": 5, "unfreeze": ["sam"]},
        "sources": [{"image": "a.tif"}, {"image": "c.tif"}],
        "start": "é",
        "note": "y",
    }
    assert list(differences(then, now)) == [
        "training.steps: 4 → 5",
        'training.unfreeze: [] → ["sam"]',
        'sources[1].image: "b.tif" → "c.tif"',
        'start: none → "é"',
        "note",
    ]
    assert not list(differences(then, then))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _change(
    path: Path, change: Callable[[dict[str, str], dict[str, torch.Tensor]], object]
) -> None:
    break_file(path, path, change)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("hello"),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "cut off": _cut,
    "somebody else's": lambda path: save_file({"x": torch.zeros(1)}, path),
    "without tensors": lambda path: _change(path, lambda _meta, weights: weights.clear()),
    "without a step": lambda path: _change(path, lambda meta, _: meta.pop("step")),
    "at no step": lambda path: _change(path, lambda meta, _: meta.update(step="soon")),
    "at a negative step": lambda path: _change(path, lambda meta, _: meta.update(step="-3")),
    "no settings": lambda path: _change(path, lambda meta, _: meta.update(run="{")),
    "settings that are a list": lambda path: _change(path, lambda meta, _: meta.update(run="[]")),
    "a weight too few": lambda path: _change(path, lambda _, w: w.pop("model.0.bias")),
    "a weight of another shape": lambda path: _change(
        path, lambda _, w: w.update({"model.0.bias": torch.zeros(9)})
    ),
    "NaN": lambda path: _change(path, lambda _, w: w["model.0.bias"].fill_(torch.nan)),
    "moments of another shape": lambda path: _change(
        path, lambda _, w: w.update({"optimiser.0.exp_avg": torch.zeros(9)})
    ),
    "moments of no weight": lambda path: _change(
        path, lambda _, w: w.update({"optimiser.99.exp_avg": torch.zeros(9)})
    ),
    "a strange name": lambda path: _change(path, lambda _, w: w.update(strange=torch.zeros(9))),
    "moments by name": lambda path: _change(
        path, lambda _, w: w.update({"optimiser.first.step": torch.zeros(9)})
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_state_is_named_and_kept(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "run.resume"
    run = start()
    go_on(*run, range(2))
    write_state(path, *run, 2, RUN)
    DAMAGE[kind](path)
    damaged = path.read_bytes()
    fresh = start()
    before = {k: v.clone() for k, v in fresh[0].state_dict().items()}
    with pytest.raises(
        UserError,
        match=r"run\.resume is damaged, and the run cannot be resumed; "
        "choose another name, or add --overwrite to start again",
    ):
        read_state(path, *fresh, RUN)
    assert path.read_bytes() == damaged
    told: list[str] = []
    assert read_state(path, *fresh, RUN, told.append) == 0
    assert told == [
        f"{path} is damaged, and the run cannot be resumed, so this one starts from the beginning"
    ]
    assert all(torch.equal(v, before[k]) for k, v in fresh[0].state_dict().items())


def test_the_state_lies_beside_the_checkpoint(tmp_path: Path) -> None:
    assert state_file(tmp_path / "new" / "my.v2.safetensors") == tmp_path / "new" / "my.v2.resume"
    assert (tmp_path / "new").is_dir()


@pytest.mark.parametrize("name", ["model.pth", "model", "model.resume"])
def test_a_checkpoint_has_the_right_suffix(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        UserError, match=f"cannot be written to '{name}'; end its name in .safetensors"
    ):
        state_file(tmp_path / name)


@pytest.mark.parametrize("content", [b"my notes on the run", b"\x10\0\0\0\0\0\0\0{}              "])
def test_a_file_of_somebody_else_is_no_state_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.resume"
    path.write_bytes(content)
    for check in (check_own_state, state_file):
        with pytest.raises(UserError, match="is not the state of a training, and is not replaced"):
            check(tmp_path / "run.safetensors")
    assert path.read_bytes() == content
    path.write_bytes(b"\0" * 40)  # what a power cut leaves
    check_own_state(tmp_path / "run.safetensors")
    write_state(path, *start(), 3, RUN)
    check_own_state(tmp_path / "run.safetensors")
    path.write_bytes(path.read_bytes()[:-5])
    check_own_state(tmp_path / "run.safetensors")
