"""A fine-tuning from a project, as a folder in it that another process works on.

The folder holds the job, and a copy of the reviewed labels as they were when it began. The training
writes its state, the best checkpoint so far and the report there. It outlives a window that is
closed or killed, so that a stopped training can be resumed.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_scsam.atomic import replacing_folder
from napari_scsam.config import UserError, VoxelSize
from napari_scsam.io.labels import create_labels
from napari_scsam.io.locations import absolute_location
from napari_scsam.io.own_files import foreign_files, list_files
from napari_scsam.json_files import read_json_object, write_json
from napari_scsam.project.project import CLASSES, REVIEWED, Project
from napari_scsam.project.record import now
from napari_scsam.project.reviewed_classes import (
    classes_of_number,
)
from napari_scsam.steps import Progress, Steps

FOLDER = "training"
"""Name of the folder of a job, in the folder of its project."""

JOB_LOG = "log.txt"
"""What the process and its libraries print, beside the job."""
OWN_FILES = (
    r"[a-z_]+\.(json|jsonl|safetensors|resume|npy|lock|log)",
    re.escape(JOB_LOG),
    r"labels\.zarr/.*",
    r"\..*",
)
"""Files of the folder of a job; patterns."""
JOB = "job.json"
JOB_LABELS = "labels.zarr"
BEST = "best.safetensors"
"""The best checkpoint that was found while it learned."""
BEST_REPORT = "best.json"
"""How that did on held-out regions."""
TUNED = "tuned.safetensors"
"""The checkpoint at the end, if it is better than its parent."""
REPORT = "report.json"
STATE = "state.safetensors"
LOCK = "training.lock"
JOB_PATIENCE = 5.0
"""Seconds to wait for an earlier training to end."""
PICTURE = "picture.npy"
"""The validation tile as the model segments it now."""


class Phase(StrEnum):
    """How far the training of a project is."""

    IDLE = "idle"
    PREPARING = "preparing"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    """It was stopped or killed before its end, and can be resumed."""
    FINISHED = "finished"


@dataclass(frozen=True)
class Outcome:
    """How a training came out."""

    rows: tuple[tuple[str, float, float], ...]
    """Class, and its Dice on held-out regions before and after."""
    sentence: str
    offered: bool
    """Whether there is a checkpoint that is better than its parent."""


class TrainingJob(BaseModel):
    """What to train on and from which checkpoint. Keys that a newer version added are kept."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    image: str
    """Path of the image."""
    classes: Mapping[str, str]
    """Names of the labelled classes, by their label values."""
    colours: Mapping[str, str] = Field(default_factory=dict)
    """Their colours, by their label values."""
    slices: tuple[int, ...]
    """The reviewed ones."""
    checkpoint: str
    """Path of the checkpoint to start from."""
    on_server: str = ""
    """Its name on the server where the training began; empty for a file of this computer."""
    voxel_size: VoxelSize | None = None
    """nm along z, y, x."""
    minutes: float = 3.0
    save_every: float = 20.0
    """Seconds between two writings of the state."""
    settings: Mapping[str, Any] = Field(default_factory=dict)
    """Settings of the training that are not the defaults."""
    created: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the labelled classes."""
        return tuple(self.classes.values())


def prepare_job(
    project: Project,
    ids: Collection[int],
    checkpoint: Path,
    minutes: float,
    settings: Mapping[str, Any] | None = None,
    on_server: str = "",
) -> Steps[Path]:
    """Write the folder of a job; an older one of this project is replaced. Returns the folder.

    Parameters
    ----------
    project
        With its labels and reviews.
    ids
        Classes to train on. What was reviewed for all of them is used.
    checkpoint
        To start from.
    minutes
        For everything.
    settings
        Of the training, where they are not the defaults.
    on_server
        Name of the checkpoint on a server, when it is not a file of this computer.

    Raises
    ------
    UserError
        When nothing was reviewed for these classes, or the image is missing.
    """
    yield Progress(0, 3, "looking at the reviews")
    project.flush()
    image = project.record.image.find(project.path)
    table = {spec.id: spec for spec in project.class_table()}
    chosen = [table[number] for number in sorted(ids) if number in table]
    if not chosen:
        raise UserError("no class is chosen to train on; choose at least one")
    folder = project.path / FOLDER
    if is_job(folder):
        with holding(folder, JOB_PATIENCE):
            pass
    beside = job_files_beside(folder)
    if beside:
        raise UserError(
            f"{folder} holds more than a training ({list_files(beside)}); move that away"
        )
    with replacing_folder(folder, is_job) as draft:
        slices = yield from _copy_labels(project, {spec.id for spec in chosen}, draft / JOB_LABELS)
        if not slices:
            raise UserError(
                "nothing is reviewed for all of these classes; "
                "review slices for them, or choose fewer"
            )
        job = TrainingJob(
            image=absolute_location(str(image.path)),
            classes={str(spec.id): spec.known_as for spec in chosen},
            colours={str(spec.id): spec.colour for spec in chosen},
            slices=tuple(slices),
            checkpoint=str(checkpoint.absolute()),
            on_server=on_server,
            voxel_size=project.voxel_size,
            minutes=minutes,
            settings=settings or {},
            created=now(),
        )
        write_json(draft / JOB, job.model_dump())
    return folder


def _copy_labels(project: Project, ids: Collection[int], path: Path) -> Steps[list[int]]:
    """Copy the labels of all slices that were reviewed for all of some classes, and the mask."""
    record = project.record.image
    size = project.voxel_size
    labels = project.intact(CLASSES)
    mask = project.intact(REVIEWED)
    table = project.class_table()
    copies = create_labels(path, record.shape, size, table, dtype=labels.dtype)
    seen = create_labels(path, record.shape, size, (), name=REVIEWED)
    touched = [0] if labels.ndim == 2 else sorted(mask.touched())
    used = []
    for number, z in enumerate(touched):
        yield Progress(number, len(touched), f"copying slice {z}")
        key: Any = ... if labels.ndim == 2 else z
        numbers = mask[key]
        usable = [
            value
            for value in np.unique(numbers).tolist()
            if value and set(ids) <= set(classes_of_number(project, value))
        ]
        if usable:
            copies[key] = labels[key]
            seen[key] = np.isin(numbers, usable).astype(np.uint8)
            used.append(z)
    return used


@contextmanager
def holding(folder: Path, seconds: float) -> Iterator[None]:
    """Keep other processes from working on a job; the system lets go when this one dies.

    Parameters
    ----------
    folder
        Of the job.
    seconds
        How long to wait for another one that is about to end.

    Raises
    ------
    UserError
        When it does not end.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=seconds)
    except Timeout as error:
        raise UserError(
            "an earlier training of this project is still running; try again in a moment"
        ) from error
    except (NotImplementedError, OSError):
        pass  # a disk without locks
    try:
        yield
    finally:
        lock.release()


def is_job(folder: Path) -> bool:
    """Whether a folder is a job that this program wrote."""
    return _read_job(folder) is not None


def find_job(project: Path) -> Path | None:
    """Return the folder of the job that a project holds, if there is one."""
    folder = project / FOLDER
    if is_job(folder):
        return folder
    return None


def read_job(folder: Path) -> TrainingJob:
    """Read a job.

    Raises
    ------
    UserError
        When it is missing or damaged.
    """
    job = _read_job(folder)
    if job is None:
        raise UserError(f"{folder} holds no training that can be read; start it again")
    return job


def _read_job(folder: Path) -> TrainingJob | None:
    try:
        return TrainingJob.model_validate_json((folder / JOB).read_bytes())
    except (OSError, ValidationError):
        return None


def job_files_beside(folder: Path) -> list[str]:
    """Return what is in the folder of a job and does not belong to it."""
    return foreign_files(folder, OWN_FILES)


def drop_job(folder: Path) -> None:
    """Remove the folder of a job; a folder that is not a job, or holds other files, stays."""
    if is_job(folder) and not job_files_beside(folder):
        shutil.rmtree(folder, ignore_errors=True)


def read_report(folder: Path) -> dict[str, Any] | None:
    """Read how a finished training compares with its parent; None while it is not finished."""
    return read_json_object(folder / REPORT)


def read_best(folder: Path) -> dict[str, Any] | None:
    """Read how the best checkpoint so far compares with its parent; None when there is none."""
    if not (folder / BEST).is_file():
        return None
    return read_json_object(folder / BEST_REPORT)


def read_outcome(folder: Path) -> Outcome | None:
    """Read how a training came out; None while it is not finished."""
    report = read_report(folder)
    if report is None:
        return None
    return outcome_of(report, report["reason"], has_checkpoint=(folder / TUNED).is_file())


def best_outcome(folder: Path) -> Outcome:
    """Return how a training that was cancelled came out: the best so far, if there is any."""
    report = read_best(folder)
    if report is None:
        sentence = "Cancelled before anything better was found, so the checkpoint in use is kept."
        return Outcome((), sentence, offered=False)
    return outcome_of(report, f"Cancelled; this is the best so far. {report['reason']}")


def outcome_of(report: Mapping[str, Any], sentence: str, *, has_checkpoint: bool = True) -> Outcome:
    """Return what a report says."""
    after = report["after"]
    rows = tuple((name, float(report["before"][name]), float(after[name])) for name in after)
    sentences = [sentence, report.get("note", "")]  # reports of earlier versions have no note
    text = " ".join(filter(None, sentences))
    return Outcome(rows, text, bool(report["offered"]) and has_checkpoint)


def checkpoint_of(folder: Path) -> Path | None:
    """Return the checkpoint that a training offers: that of its end, else the best so far."""
    for name in (TUNED, BEST):
        if (folder / name).is_file():
            return folder / name
    return None
