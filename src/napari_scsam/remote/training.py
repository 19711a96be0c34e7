"""Fine-tuning on a server: reviewed slices go there, and what the training says comes back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.io.volumes import Volume, open_labels, open_volume
from napari_scsam.project.training_job import JOB_LABELS, TrainingJob, read_job
from napari_scsam.remote.arrays import pack, pack_labels, unpack
from napari_scsam.remote.asked import FineTune, PutTraining, TrainingCommand
from napari_scsam.remote.line import Line, StateLostError
from napari_scsam.remote.session import RemoteSession
from napari_scsam.steps import Progress, Steps

Said = Generator[dict[str, Any], None, None]
"""Messages as `finetune_process` writes them. Those of a picture hold it, those of a checkpoint
its name on the server under ``checkpoint``."""


def train_steps(session: RemoteSession, folder: Path, command: Callable[[], str | None]) -> Said:
    """Fine-tune the network that is loaded on the server, on the job in a folder.

    Parameters
    ----------
    session
        With the checkpoint to start from.
    folder
        Of a `TrainingJob`, with a copy of the labels.
    command
        Returns ``"pause"``, ``"resume"`` or ``"stop"`` when the user has asked for it.
    """
    job = read_job(folder)
    request = request_of(job)
    heard: list[dict[str, Any]] = []
    while True:
        try:
            for _ in _put_steps(session, job, folder, request.job):
                yield from _drain(heard)
            is_training = False
            for _ in session.ask_steps(lambda: request, take=partial(_hear, heard)):
                is_training = is_training or bool(heard)
                yield from _drain(heard)
                if is_training:  # before that, nothing on the server would hear it
                    _pass_on(session, command)
            yield from _drain(heard)
        except StateLostError:  # a new session: the slices are sent again
            continue
        return


def _hear(heard: list[dict[str, Any]], trained: Any) -> None:
    """Add what a training says, with its picture and the name of its checkpoint."""
    message = dict(trained.message)
    if trained.picture is not None:
        message["picture"] = unpack(trained.picture)
    if trained.name:
        message["checkpoint"] = trained.name
    heard.append(message)


def _pass_on(session: RemoteSession, command: Callable[[], str | None]) -> None:
    """Send what the user asked for, when there is a line; else it waits for one."""
    if session.line.state.line is not Line.CONNECTED:
        return
    asked: Any = command()
    if asked is not None:
        session.line.tell(TrainingCommand(target=0, command=asked))


def _drain(heard: list[dict[str, Any]]) -> Said:
    while heard:
        yield heard.pop(0)


def request_of(job: TrainingJob) -> FineTune:
    """Return the request for a job, whose name is made from it."""
    name = hashlib.blake2b(job.model_dump_json().encode(), digest_size=16).hexdigest()
    return FineTune(
        id=0,
        job=name,
        classes=dict(job.classes),
        colours=dict(job.colours),
        slices=len(job.slices),
        voxel_size=job.voxel_size,
        minutes=job.minutes,
        settings=dict(job.settings),
    )


def _put_steps(session: RemoteSession, job: TrainingJob, folder: Path, name: str) -> Steps[None]:
    """Send the reviewed slices."""
    image = open_volume(job.image, job.voxel_size)
    labels = open_labels(folder / JOB_LABELS / "labels" / "classes")
    reviewed = open_labels(folder / JOB_LABELS / "labels" / "reviewed")
    volumes: tuple[tuple[Any, Volume], ...] = (
        ("image", image),
        ("labels", labels),
        ("reviewed", reviewed),
    )
    for number, z in enumerate(job.slices):
        yield Progress(number, len(job.slices), f"sending slice {z}")
        for kind, volume in volumes:
            plane = np.ascontiguousarray(volume.plane(z))
            array = _packed(kind, plane)
            put = PutTraining(id=0, job=name, kind=kind, z=number, array=array)
            yield from session.ask_steps(_returning(put))


def _packed(kind: str, plane: NDArray[Any]) -> Any:
    if kind == "image":
        return pack(plane)
    return pack_labels(plane)


def _returning(request: PutTraining) -> Callable[[], PutTraining]:
    """Return a function that returns a request."""
    return lambda: request
