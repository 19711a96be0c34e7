"""The state of a run on disk, so that a killed run goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Optimizer

from napari_scsam.checkpoints.checkpoint import write_tensors
from napari_scsam.config import UserError

SECONDS = 120.0
"""No more work than this, and a step, is lost with a run that is killed, however seldom its recipe asks to save."""


NAMED = 3
"""Settings that differ, in a sentence."""

SHORT = 40
"""Letters of a setting's value that is told."""


def state_file(out: Path) -> Path:
    """Where the state of a run into `out` lies; looked up first, so that a run that could not be written never starts.

    Raises
    ------
    UserError
        When `out` is no name for a checkpoint.
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
    """Writes the state of a run when asked, and of its own accord when the last time is long ago."""

    def __init__(
        self, path: Path, model: nn.Module, optimiser: Optimizer, run: dict[str, Any]
    ) -> None:
        self._write = partial(write_state, path, model, optimiser, run=run)
        self._written = time.monotonic()

    def keep(self, step: int, *, now: bool) -> None:
        """Take note of a finished step."""
        if now or time.monotonic() - self._written > SECONDS:
            self._write(step)
            self._written = time.monotonic()


def read_state(
    path: Path,
    model: nn.Module,
    optimiser: Optimizer,
    run: dict[str, Any],
    anew: Callable[[str], object] | None = None,
) -> int:
    """Continue from `path` when it is of the same run; give the next step, 0 for a fresh start.

    Parameters
    ----------
    path
        Where `write_state` wrote, if it did.
    model, optimiser
        Take what was written.
    run
        The run's settings.
    anew
        Told in a sentence when the state is of a run with other settings, which is then given up.

    Raises
    ------
    UserError
        When the state is of a run with other settings, and `anew` is not given: its hours would be lost.
    """
    if not path.is_file():
        return 0
    with safe_open(path, framework="np") as file:
        metadata = file.metadata() or {}
    if "run" not in metadata:
        return 0
    if others := tuple(differences(json.loads(metadata["run"]), json.loads(json.dumps(run)))):
        named = "; ".join(others[:NAMED]) + ("; …" if len(others) > NAMED else "")
        stopped = f"a run into {path.with_suffix('.safetensors')} with other settings ({named}) was stopped after step {metadata['step']}"
        if anew is None:
            raise UserError(
                f"{stopped}; go on with those settings, give another name, or --overwrite to begin anew"
            )
        anew(f"{stopped}, so this one begins anew")
        return 0
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
    optimiser.load_state_dict(
        {"state": moments, "param_groups": optimiser.state_dict()["param_groups"]}
    )
    return int(metadata["step"])


def differences(then: Any, now: Any, name: str = "") -> Iterator[str]:
    """Name the settings, plain JSON values, that are not what they were, e.g. ``"training.steps: 100 → 200"``."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in {**then, **now}:
            yield from differences(then.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for number, (old, new) in enumerate(zip(then, now, strict=True)):
            yield from differences(old, new, f"{name}[{number}]")
    elif then != now:
        values = [
            "none" if value is None else json.dumps(value, ensure_ascii=False)
            for value in (then, now)
        ]
        yield f"{name}: {' → '.join(values)}" if max(map(len, values)) <= SHORT else name
