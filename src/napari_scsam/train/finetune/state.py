"""The state of a fine-tuning on disk, so that a killed one goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Optimizer

from napari_scsam.checkpoints.formats import check_not_newer
from napari_scsam.checkpoints.tensors import write_tensors
from napari_scsam.errors import UserError
from napari_scsam.io.read_errors import READ_ERRORS
from napari_scsam.model.sound_weights import check_finite
from napari_scsam.train.finetune.tuned_weights import learned

STATE_FORMAT = "napari-scsam finetune 1"

WEIGHTS = "weights"
MOMENTS = "optimiser"
"""First words of the names of tensors."""


@dataclass(frozen=True)
class Saved:
    """What a stopped run had come to."""

    step: int
    """Steps done."""
    steps: int
    """Steps planned."""
    seconds: float
    """Spent so far."""


class StateFile:
    """Keeps weights, optimiser and step of one run in a safetensors file.

    Chance needs no room in it: every step draws from a generator that seed and step fix.

    Parameters
    ----------
    path
        Where the state lies; None keeps nothing.
    run
        Everything that fixes the run, as plain JSON values.
    """

    def __init__(self, path: Path | None, run: Mapping[str, Any]) -> None:
        self.path = path
        self.run = json.loads(json.dumps(run))

    def write(self, model: nn.Module, optimiser: Optimizer, saved: Saved) -> None:
        """Write the state; the old one goes when the new one is whole."""
        if self.path is None:
            return
        tensors = {f"{WEIGHTS}.{name}": value for name, value in learned(model).items()}
        for index, moments in optimiser.state_dict()["state"].items():
            tensors |= {
                f"{MOMENTS}.{index}.{key}": torch.as_tensor(value) for key, value in moments.items()
            }
        progress = {"step": saved.step, "steps": saved.steps, "seconds": saved.seconds}
        metadata = {
            "format": STATE_FORMAT,
            "run": json.dumps(self.run),
            "progress": json.dumps(progress),
        }
        write_tensors(self.path, tensors, metadata)

    def read(self, model: nn.Module, optimiser: Optimizer) -> Saved | None:
        """Read the state of this run into a model and its optimiser.

        Returns
        -------
        saved
            None when there is no state.

        Raises
        ------
        UserError
            When the file is damaged, or the state is of a run with other data or settings.
        """
        if self.path is None or not self.path.is_file():
            return None
        try:
            return self._read(self.path, model, optimiser)
        except UserError:
            raise
        except (SafetensorError, *READ_ERRORS) as error:
            raise UserError(
                f"the state {self.path} is damaged; delete it to begin again"
            ) from error

    def _read(self, path: Path, model: nn.Module, optimiser: Optimizer) -> Saved:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
        check_not_newer(path, metadata.get("format"))
        tensors = load_file(path)
        if metadata.get("format") != STATE_FORMAT or json.loads(metadata["run"]) != self.run:
            raise UserError(
                f"the state {path} is of a run with other data or settings; "
                "delete it to begin again"
            )
        check_finite(tensors, path)
        saved = Saved(**json.loads(metadata["progress"]))
        model.load_state_dict(named(tensors, WEIGHTS), strict=False)
        state = {
            "state": moments_of(named(tensors, MOMENTS)),
            "param_groups": optimiser.state_dict()["param_groups"],
        }
        optimiser.load_state_dict(state)
        return saved

    def remove(self) -> None:
        """Remove the state of a run that has ended."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def named(tensors: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a kind, under the rest of their names."""
    return {
        name.removeprefix(f"{kind}."): value
        for name, value in tensors.items()
        if name.startswith(f"{kind}.")
    }


def moments_of(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Sort an optimiser's tensors, named as in ``"3.exp_avg"``, by parameter."""
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        moments.setdefault(int(index), {})[key] = value
    return moments
