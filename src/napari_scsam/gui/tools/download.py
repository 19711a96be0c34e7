"""Fetching a published network while everything else goes on, and choosing it when it is there."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.checkpoints.published import checkpoint_path, find_published
from napari_scsam.checkpoints.registry import Download, download_weights, list_downloads
from napari_scsam.config import UserError
from napari_scsam.gui.jobs.many_slices import time_left
from napari_scsam.gui.jobs.worker import Report, Worker
from napari_scsam.gui.notify import tell
from napari_scsam.paths import user_folder
from napari_scsam.steps import Progress

if TYPE_CHECKING:
    from napari_scsam.checkpoints.checkpoint import CheckpointInfo
    from napari_scsam.gui.session import Session

EVERY = 0.1
"""Seconds between two words on a download; it comes in pieces of 64 KiB."""

UNIT = 1024
"""Bytes that progress is counted in: Qt's bar ends at 2 GiB if they are counted one by one."""


class Getting:
    """The verbs behind *Get*; made by ``session.part(Getting)``.

    The download has a thread of its own, so that the network answers
    meanwhile; the checkpoint is then made on the network's thread, which alone uses torch.
    """

    progressed = Signal(object)
    """The `Progress` of a download."""
    working = Signal(bool)
    """Whether there is a download to cancel."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.worker = Worker(self._receive)
        session.ended.connect(self.worker.stop)

    def listed(self) -> list[tuple[Download, str]]:
        """List what can be fetched, each with a word on how much of it is here."""
        return [(entry, here(entry)) for entry in list_downloads()]

    def get(self, entry: Download) -> None:
        """Fetch published weights and choose the network that they make; at once where it is here already."""
        try:
            info = find_published(entry)
        except UserError as error:
            self.session.say(error)
            return
        if info is not None:
            self.session.choose_checkpoint(info)
            return
        self.session.status.emit(f"Downloading {entry.name}; you can go on meanwhile …")
        self.worker.submit(entry.name, partial(fetch_steps, entry.name))
        self.working.emit(True)

    def cancel(self) -> None:
        """Stop downloading; what has come is kept for the next time."""
        self.worker.cancel()
        self.working.emit(False)
        self.session.status.emit("Cancelled. What has come is kept: Get goes on from there.")

    def _receive(self, report: Report) -> None:
        if report.state == "progress":
            self.progressed.emit(report.value)
            return
        if report.state == "failed":
            self._tell(report.value)
        if report.state == "returned":
            self._make(report.kind, report.value)
        self.working.emit(self.worker.busy())

    def _tell(self, error: Exception) -> None:
        if isinstance(error, UserError):
            self.session.say(error)
        else:
            tell(error)

    def _make(self, name: str, file: Path) -> None:
        kind = f"make {name}"  # of one kind only the newest counts, and none of two networks may be lost
        self.session.on_return(kind, self._on_made)
        self.session.submit(kind, partial(self.session.engine.make_steps, name, file))

    def _on_made(self, info: CheckpointInfo) -> None:
        self.session.choose_checkpoint(info)


def here(entry: Download) -> str:
    """Say how much of published weights is on this machine; empty for nothing."""
    if checkpoint_path(entry).is_file():
        return "on this machine"
    file = user_folder() / entry.file.name
    part = file.with_name(f"{file.name}.part")
    if file.is_file():
        return "downloaded"
    return f"{part.stat().st_size / 1e6:.0f} MB are here" if part.is_file() else ""


def fetch_steps(name: str) -> Generator[Progress, None, Path]:
    """Download published weights, with a word on the time that is left; closing it stops, and the next time goes on.

    Raises
    ------
    UserError
        When they cannot be fetched or written.
    """
    start = time.perf_counter()
    first = None
    told = 0.0
    with closing(download_weights(name)) as steps:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                file: Path = end.value
                return file
            except OSError as error:
                why = error.strerror or error
                raise UserError(
                    f"{name} cannot be kept in {user_folder()} ({why}); make room there, or check its rights"
                ) from error
            now = time.perf_counter()
            first = step.done if first is None else first
            if now - told >= EVERY:
                told = now
                yield shown(name, step, first, now - start)


def shown(name: str, step: Progress, first: int, seconds: float) -> Progress:
    """Say how far a download is that began at `first` bytes so many seconds ago."""
    if not step.total:  # the server does not tell
        return Progress(0, 0, f"{name}, {step.done / 1e6:.0f} MB so far")
    left = time_left(step.done - first, step.total - first, seconds) if seconds > 1 else ""
    return Progress(step.done // UNIT, step.total // UNIT, f"{name}{left}")
