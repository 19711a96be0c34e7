"""The state of a run on disk, so that a killed run goes on where it was."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Optimizer

from napari_scsam.checkpoint import write_tensors
from napari_scsam.config import UserError

SECONDS = 120.0
"""No more work than this, and a step, is lost with a run that is killed, however seldom its recipe asks to save."""


def state_file(out: Path) -> Path:
    """Where the state of a run into `out` lies; looked up first, so that a run that could not be written never starts.

    Raises
    ------
    UserError
        When `out` is no name for a checkpoint.
    """
    if out.suffix != ".safetensors":
        raise UserError(f"a checkpoint cannot be written to {out.name!r}; end its name in .safetensors")
    out.parent.mkdir(parents=True, exist_ok=True)
    return out.with_suffix(".resume")


def write_state(path: Path, model: nn.Module, optimiser: Optimizer, step: int, run: dict[str, Any]) -> None:
    """Write weights, optimiser moments, step and the run's settings, atomically."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in moments.items()}
    write_tensors(path, tensors, {"step": str(step), "run": json.dumps(run)})


class StateKeeper:
    """Writes the state of a run when asked, and of its own accord when the last time is long ago."""

    def __init__(self, path: Path, model: nn.Module, optimiser: Optimizer, run: dict[str, Any]) -> None:
        self._write = partial(write_state, path, model, optimiser, run=run)
        self._written = time.monotonic()

    def keep(self, step: int, *, now: bool) -> None:
        """Take note of a finished step."""
        if now or time.monotonic() - self._written > SECONDS:
            self._write(step)
            self._written = time.monotonic()


def read_state(path: Path, model: nn.Module, optimiser: Optimizer, run: dict[str, Any]) -> int:
    """Continue from `path` when it is of the same run; give the next step, 0 for a fresh start."""
    if not path.is_file():
        return 0
    with safe_open(path, framework="np") as file:
        metadata = file.metadata() or {}
    if metadata.get("run") != json.dumps(run):
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
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    return int(metadata["step"])
