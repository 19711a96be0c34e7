"""What the window does on its worker thread before and after a training."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.atomic import replacing
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.config import UserError
from napari_scsam.gui.workarounds.torch_guard import collection_paused
from napari_scsam.paths import user_folder
from napari_scsam.project.training_job import checkpoint_of, prepare_job
from napari_scsam.steps import Progress, Steps

if TYPE_CHECKING:
    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.project.project import Project


def write_job_steps(
    project: Project,
    ids: Sequence[int],
    checkpoint: Path,
    minutes: float,
    settings: Mapping[str, Any] | None,
    on_server: str = "",
) -> Steps[Path]:
    """Write the job, and import what draws its curves, which would hold up the window."""
    yield Progress(0, 4, "preparing the training")
    with collection_paused():
        import_module("pyqtgraph")
    return (yield from prepare_job(project, ids, checkpoint, minutes, settings, on_server))


def keep_checkpoint_steps(folder: Path, name: str) -> Steps[CheckpointInfo]:
    """Copy the checkpoint of a job to the user's checkpoints, under a name that is free.

    Raises
    ------
    UserError
        When there is none.
    """
    yield Progress(0, 1, "keeping the checkpoint")
    made = checkpoint_of(folder)
    if made is None:
        raise UserError("the training left no checkpoint; train again")
    target = free_path(user_folder(), f"{name}_tuned")
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as draft:
        shutil.copyfile(made, draft)
    return checkpoint_info(target)


def free_path(folder: Path, stem: str) -> Path:
    """Return a checkpoint's path in a folder that no file has."""
    path = folder / f"{stem}.safetensors"
    number = 2
    while path.exists():
        path = folder / f"{stem}_{number}.safetensors"
        number += 1
    return path
