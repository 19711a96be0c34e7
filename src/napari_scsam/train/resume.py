"""The state of a run on disk, so that a killed run can be resumed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Optimizer

from napari_scsam.checkpoints.tensors import write_tensors
from napari_scsam.config import UserError, update_run_settings

SAVE_SECONDS = 120.0
"""A killed run loses no more work than this and a step, however seldom its recipe saves."""

MAX_NAMED = 3
"""Most settings that differ which a sentence names."""

MAX_LETTERS = 40
"""Longest text of a setting's value in a sentence."""


def state_file(out: Path) -> Path:
    """Return the path of the state of a run into `out`, and create its folder.

    Raises
    ------
    UserError
        When a checkpoint cannot be called `out`.
    """
    if out.suffix != ".safetensors":
        raise UserError(
            f"a checkpoint cannot be written to {out.name!r}; end its name in .safetensors"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    return out.with_suffix(".resume")


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
        Receives a sentence when the state is of a run with other settings and is discarded.

    Returns
    -------
    int
        0 for a run that starts from the beginning.

    Raises
    ------
    UserError
        When the state is of a run with other settings, and `on_restart` is not given. Its hours
        would be lost.
    """
    metadata = read_metadata(path)
    if "run" not in metadata:
        return 0
    earlier = update_run_settings(json.loads(metadata["run"]))
    others = tuple(differences(earlier, update_run_settings(json.loads(json.dumps(run)))))
    if not others:
        load_state(path, model, optimiser)
        return int(metadata["step"])
    stopped = (
        f"a run into {path.with_suffix('.safetensors')} with other settings "
        f"({name_some(others)}) was stopped after step {metadata['step']}"
    )
    if on_restart is None:
        raise UserError(
            f"{stopped}; use those settings to resume it, choose another name, "
            "or add --overwrite to start again"
        )
    on_restart(f"{stopped}, so this one starts from the beginning")
    return 0


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a state file; empty when there is no file."""
    if not path.is_file():
        return {}
    with safe_open(path, framework="np") as file:
        return file.metadata() or {}


def load_state(path: Path, model: nn.Module, optimiser: Optimizer) -> None:
    """Load the weights and the optimiser's moments that `write_state` wrote."""
    moments: dict[int, dict[str, Tensor]] = {}
    weights: dict[str, Tensor] = {}
    for name, value in load_file(path).items():
        kind, rest = name.split(".", 1)
        if kind == "model":
            weights[rest] = value
        else:
            index, key = rest.split(".", 1)
            moments.setdefault(int(index), {})[key] = value
    model.load_state_dict(weights)
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": moments, "param_groups": groups})


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
