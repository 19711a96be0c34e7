"""The state of a run on disk, so that a killed run can be resumed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Optimizer

from napari_scsam.checkpoints.tensors import write_tensors
from napari_scsam.config import UserError, update_run_settings
from napari_scsam.io.contents import check_outside
from napari_scsam.io.read_errors import READ_ERRORS

SAVE_SECONDS = 120.0
"""A killed run loses no more work than this and a step, however seldom its recipe saves."""

DAMAGE = (SafetensorError, *READ_ERRORS)
"""What reading a damaged state raises."""

STATE_SUFFIX = ".resume"
"""Of the state of a run, beside its checkpoint."""

MAX_NAMED = 3
"""Most settings that differ which a sentence names."""

MAX_LETTERS = 40
"""Longest text of a setting's value in a sentence."""


def check_own_state(out: Path) -> None:
    """Check that a run into `out` would replace no file of somebody else with its state.

    A damaged state may be replaced: it begins as safetensors do, or is empty.

    Raises
    ------
    UserError
        When it would.
    """
    path = out.with_suffix(STATE_SUFFIX)
    if not os.path.lexists(path):
        return
    if not (path.is_file() and _may_be_state(path)):
        raise UserError(
            f"{path} is not the state of a training, and is not replaced; "
            "move it away, or choose another name"
        )


def _may_be_state(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(9)
    if len(start) < 9 or start[8:] != b"{":
        return not start.strip(b"\0")  # what a power cut leaves
    try:
        metadata = read_metadata(path)
    except DAMAGE:
        return True
    return {"step", "run"} <= metadata.keys()


def state_file(out: Path) -> Path:
    """Return the path of the state of a run into `out`, and create its folder.

    Raises
    ------
    UserError
        When a checkpoint cannot be called `out` or be put there, as `check_own_state` has it too.
    """
    if out.suffix != ".safetensors":
        raise UserError(
            f"a checkpoint cannot be written to {out.name!r}; end its name in .safetensors"
        )
    check_outside(out)
    check_own_state(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    return out.with_suffix(STATE_SUFFIX)


def write_state(
    path: Path, model: nn.Module, optimiser: Optimizer, step: int, run: dict[str, Any]
) -> None:
    """Write weights, optimiser moments, step and the run's settings, atomically."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in moments.items()}
    write_tensors(path, tensors, {"step": str(step), "run": json.dumps(run)})


class StateKeeper:
    """Writes the state of a run when asked, and otherwise every `SAVE_SECONDS`."""

    def __init__(
        self, path: Path, model: nn.Module, optimiser: Optimizer, run: dict[str, Any]
    ) -> None:
        self._write = partial(write_state, path, model, optimiser, run=run)
        self._written = time.monotonic()

    def keep(self, step: int, *, now: bool) -> None:
        """Write the state after a step, if it is time to."""
        if now or time.monotonic() - self._written > SAVE_SECONDS:
            self._write(step)
            self._written = time.monotonic()


def read_state(
    path: Path,
    model: nn.Module,
    optimiser: Optimizer,
    run: dict[str, Any],
    on_restart: Callable[[str], object] | None = None,
) -> int:
    """Load the state of a stopped run with the same settings, and return its next step.

    Parameters
    ----------
    path
        Where `write_state` wrote, if it did.
    model, optimiser
        Receive what was written.
    run
        The run's settings.
    on_restart
        Receives a sentence when the state is damaged or of a run with other settings, and is
        discarded.

    Returns
    -------
    int
        0 for a run that starts from the beginning.

    Raises
    ------
    UserError
        When the state is damaged or of a run with other settings, and `on_restart` is not given.
        Its hours would be lost.
    """
    if not path.is_file():
        return 0
    advice = "choose another name"
    try:
        stored = StoredState.read(path)
        obstacle = stored.other_settings(path, run)
        if obstacle is None:
            stored.load_into(model, optimiser)
            return stored.step
        advice = "use those settings to resume it, choose another name"
    except DAMAGE:
        obstacle = f"{path} is damaged, and the run cannot be resumed"
    if on_restart is None:
        raise UserError(f"{obstacle}; {advice}, or add --overwrite to start again")
    on_restart(f"{obstacle}, so this one starts from the beginning")
    return 0


@dataclass(frozen=True)
class StoredState:
    """What `write_state` wrote, read and checked in one piece."""

    step: int
    run: dict[str, Any]
    weights: dict[str, Tensor]
    moments: dict[int, dict[str, Tensor]]

    @classmethod
    def read(cls, path: Path) -> StoredState:
        """Read a state file.

        Raises
        ------
        SafetensorError, ValueError, LookupError, TypeError, RuntimeError
            When it is damaged.
        """
        metadata = read_metadata(path)
        moments: dict[int, dict[str, Tensor]] = {}
        weights: dict[str, Tensor] = {}
        for name, value in load_file(path).items():
            kind, rest = name.split(".", 1)
            if kind == "model":
                weights[rest] = value
            else:
                index, key = rest.split(".", 1)
                moments.setdefault(int(index), {})[key] = value
        run = update_run_settings(json.loads(metadata["run"]))
        return cls(int(metadata["step"]), run, weights, moments)

    def other_settings(self, path: Path, run: dict[str, Any]) -> str | None:
        """Return a clause on the settings that differ from those of a run; None without any."""
        now = update_run_settings(json.loads(json.dumps(run)))
        others = tuple(differences(self.run, now))
        if not others:
            return None
        return (
            f"a run into {path.with_suffix('.safetensors')} with other settings "
            f"({name_some(others)}) was stopped after step {self.step}"
        )

    def load_into(self, model: nn.Module, optimiser: Optimizer) -> None:
        """Load weights and moments, after all of them were checked.

        Raises
        ------
        ValueError, LookupError
            When one is missing, unknown, of another shape or not finite.
        """
        self._check_fit(model, optimiser)
        groups = optimiser.state_dict()["param_groups"]
        model.load_state_dict(self.weights)
        optimiser.load_state_dict({"state": self.moments, "param_groups": groups})

    def _check_fit(self, model: nn.Module, optimiser: Optimizer) -> None:
        expected = {name: value.shape for name, value in model.state_dict().items()}
        if {name: value.shape for name, value in self.weights.items()} != expected:
            raise ValueError("the weights are of another network")
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        for index, moments in self.moments.items():
            shape = parameters[index].shape
            if index < 0 or any(v.dim() and v.shape != shape for v in moments.values()):
                raise ValueError("the moments are of another optimiser")
        stored = [*self.weights.values(), *(v for m in self.moments.values() for v in m.values())]
        if self.step < 0 or not all(bool(value.isfinite().all()) for value in stored):
            raise ValueError("a value is not finite")


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a state file."""
    with safe_open(path, framework="np") as file:
        return file.metadata() or {}


def name_some(differing: Sequence[str]) -> str:
    """Join the first few of the settings that differ."""
    shown = list(differing[:MAX_NAMED])
    if len(differing) > MAX_NAMED:
        shown.append("…")
    return "; ".join(shown)


def differences(then: Any, now: Any, name: str = "") -> Iterator[str]:
    """Yield the settings, plain JSON values, that changed, e.g. ``"training.steps: 100 → 200"``."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in {**then, **now}:
            full_name = f"{name}.{key}".removeprefix(".")
            yield from differences(then.get(key), now.get(key), full_name)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for number, (old, new) in enumerate(zip(then, now, strict=True)):
            yield from differences(old, new, f"{name}[{number}]")
    elif then != now:
        yield describe_change(name, then, now)


def describe_change(name: str, then: Any, now: Any) -> str:
    """Return a setting's name with its two values, or the name alone when a value is long."""
    values = [setting_text(value) for value in (then, now)]
    if max(map(len, values)) > MAX_LETTERS:
        return name
    return f"{name}: {' → '.join(values)}"


def setting_text(value: Any) -> str:
    """Return a setting's value as JSON, or ``none``."""
    if value is None:
        return "none"
    return json.dumps(value, ensure_ascii=False)
