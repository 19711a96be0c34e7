"""Downloading a published network in the background, and choosing it when it is complete."""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.checkpoints.published import checkpoint_path, find_published
from napari_scsam.checkpoints.registry import Download, download_weights, list_downloads
from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.jobs.pace import time_left
from napari_scsam.gui.jobs.worker import Report, Worker
from napari_scsam.gui.notify import notify_error
from napari_scsam.paths import user_folder
from napari_scsam.steps import Progress, Steps

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.gui.session import Session

PROGRESS_EVERY = 0.1
"""Seconds between two reports of a download; it comes in pieces of 64 KiB."""

UNIT = 1024
"""Bytes that progress is counted in: Qt's bar ends at 2 GiB if they are counted one by one."""


class Downloading:
    """The verbs behind *Download*; made by ``session.part(Downloading)``.

    The download has a thread of its own, so that the network answers at the same time. The
    checkpoint is then made on the network's thread, the only one that uses torch.
    """

    progressed = Signal(object)
    """The `Progress` of a download."""
    working = Signal(bool)
    """Whether there is a download to cancel."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.worker = Worker(self._receive)
        session.ended.connect(self.worker.stop)

    def list_states(self) -> list[tuple[Download, str]]:
        """Return what can be downloaded, each with its `download_state`."""
        return [(entry, download_state(entry)) for entry in list_downloads()]

    def start(self, entry: Download) -> None:
        """Download published weights and choose their network; a local one is chosen at once."""
        try:
            info = find_published(entry)
        except UserError as error:
            self.session.report_error(error)
            return
        if info is not None:
            self.session.choices.choose_checkpoint(info)
            return
        self.session.status.emit(f"Downloading {entry.name}; you can continue to work …")
        self.worker.submit(entry.name, partial(download_steps, entry.name))
        self.working.emit(True)

    def cancel(self) -> None:
        """Stop downloading; the part that has arrived is kept for the next time."""
        self.worker.cancel()
        self.working.emit(False)
        self.session.status.emit("Cancelled. The next download resumes where this one stopped.")

    def _receive(self, report: Report) -> None:
        if report.state == "progress":
            self.progressed.emit(report.value)
            return
        if report.state == "failed":
            self._report(report.value)
        if report.state == "returned":
            self._make(str(report.kind), report.value)
        self.working.emit(self.worker.busy())

    def _report(self, error: Exception) -> None:
        if isinstance(error, UserError):
            self.session.report_error(error)
        else:
            notify_error(error)

    def _make(self, name: str, file: Path) -> None:
        steps = partial(self.session.engine.make_steps, name, file)
        # By name: if two downloads end at the same time, both networks are made.
        self.session.jobs.submit(Job.MAKE_MODEL, steps, self._on_made, name=name)

    def _on_made(self, info: CheckpointInfo) -> None:
        self.session.choices.choose_checkpoint(info)


def download_state(entry: Download) -> str:
    """Return how much of published weights is on this machine; empty for nothing."""
    if checkpoint_path(entry).is_file():
        return "on this machine"
    file = user_folder() / entry.file.name
    part = file.with_name(f"{file.name}.part")
    if file.is_file():
        return "downloaded"
    if part.is_file():
        return f"{part.stat().st_size / 1e6:.0f} MB downloaded"
    return ""


def download_steps(name: str) -> Steps[Path]:
    """Download published weights; closing the generator stops it, and the next call resumes.

    Raises
    ------
    UserError
        When they cannot be downloaded or written.
    """
    try:
        with closing(download_weights(name)) as steps:
            return (yield from _with_time_left(name, steps))
    except OSError as error:
        why = error.strerror or error
        problem = f"{name} cannot be written to {user_folder()} ({why})"
        raise UserError(f"{problem}; free some space, or check the permissions") from error


def _with_time_left(
    name: str, steps: Generator[Progress, None, Path]
) -> Generator[Progress, None, Path]:
    """Thin out the progress of a download, and estimate the time that is left."""
    start = time.perf_counter()
    first: int | None = None
    reported = 0.0
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            file: Path = end.value
            return file
        now = time.perf_counter()
        if first is None:
            first = step.done
        if now - reported >= PROGRESS_EVERY:
            reported = now
            yield download_progress(name, step, first, now - start)


def download_progress(name: str, step: Progress, first: int, seconds: float) -> Progress:
    """Return how far a download is.

    Parameters
    ----------
    name
        Of the network.
    step
        Its bytes so far.
    first, seconds
        The bytes at which it began, and for how long it has run.
    """
    if not step.total:  # the server does not say
        return Progress(0, 0, f"{name}, {step.done / 1e6:.0f} MB so far")
    left = ""
    if seconds > 1:
        left = time_left(step.done - first, step.total - first, seconds)
    return Progress(step.done // UNIT, step.total // UNIT, f"{name}{left}")
