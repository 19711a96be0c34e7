"""The work of one viewer: what is submitted to the worker thread, and who takes its results."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from psygnal import Signal

from napari_scsam.gui.jobs.worker import Report, Worker
from napari_scsam.steps import Steps


class Job(StrEnum):
    """A kind of work; of one kind only the newest counts."""

    LOAD = "load"
    LIST = "list checkpoints"
    OPEN_FILE = "open file"
    SEGMENT = "segment"
    SEGMENT_SLICES = "segment slices"
    SAVE_LABELS = "save labels"
    SHOW_CLASS = "show class"
    SHOW_MAP = "show map"
    PREFETCH = "prefetch"
    PREPARE = "prepare"
    PROMPT = "prompt"
    PROPAGATE = "propagate"
    TEACH = "teach"
    NEW_PROJECT = "new project"
    OPEN_PROJECT = "open project"
    COPY_PROJECT = "copy project"
    HASH = "hash"
    SAVE_MODEL = "save model"
    MAKE_MODEL = "make model"
    PREPARE_TRAINING = "prepare training"
    EXPORT = "export"
    EXPORT_INTO_IMAGE = "export into image"
    IMPORT = "import"
    FIND_OBJECTS = "find objects"
    MEASURE_OBJECTS = "measure objects"
    MEASURE_CONTACTS = "measure contacts"
    OBJECT_SURFACES = "object surfaces"


INTO_LABELS = (Job.SEGMENT, Job.SEGMENT_SLICES, Job.PROPAGATE)
"""Work whose result goes into the labels layer of the image."""

OF_IMAGE = (
    *INTO_LABELS,
    Job.SHOW_CLASS,
    Job.SHOW_MAP,
    Job.PREPARE,
    Job.PROMPT,
    Job.TEACH,
    Job.PREFETCH,
)
"""Work that needs the image."""

JOB_WORDS = {
    Job.LOAD: "loading the network",
    Job.LIST: "asking the server for its checkpoints",
    Job.OPEN_FILE: "opening a file",
    Job.SEGMENT: "the slice shown",
    Job.SEGMENT_SLICES: "the run over slices",
    Job.SHOW_CLASS: "showing a class",
    Job.SHOW_MAP: "showing the map of a class",
    Job.PREPARE: "preparing the slice shown",
    Job.PROMPT: "finding an object",
    Job.PROPAGATE: "propagating an object",
    Job.TEACH: "learning from strokes",
    Job.NEW_PROJECT: "creating a project",
    Job.OPEN_PROJECT: "opening a project",
    Job.COPY_PROJECT: "copying the project",
    Job.HASH: "looking at the checkpoint",
    Job.SAVE_MODEL: "saving the network",
    Job.MAKE_MODEL: "creating a network",
    Job.PREPARE_TRAINING: "preparing the training",
    Job.EXPORT: "the export",
    Job.EXPORT_INTO_IMAGE: "the export into the image",
    Job.IMPORT: "the import",
    Job.SAVE_LABELS: "saving labels",
    Job.FIND_OBJECTS: "finding objects",
    Job.MEASURE_OBJECTS: "measuring objects",
    Job.MEASURE_CONTACTS: "measuring contacts",
    Job.OBJECT_SURFACES: "surfaces of objects",
}
"""What the user reads for work that runs or waits."""

OF_SLICE = (Job.SEGMENT, Job.SHOW_CLASS, Job.SHOW_MAP, Job.PREPARE, Job.PROMPT, Job.TEACH)
"""Work on the slice that the user looks at: a run over many slices pauses for it."""


@dataclass(frozen=True)
class QueuedJob:
    """Work that runs or waits."""

    job: Hashable
    """What `Jobs.cancel_one` takes."""
    words: str
    runs: bool
    """Whether it has begun."""


class Jobs:
    """Submits work to a worker thread and passes its results on, on the main thread.

    Parameters
    ----------
    make_worker
        Creates the worker, given what takes its reports.
    """

    progressed = Signal(object)
    """The `Progress` of the work that runs."""
    working = Signal(bool)
    """Whether there is work to cancel."""
    failed = Signal(object)
    """The exception that ended some work."""
    dropped = Signal(object)
    """The `Job` that failed or was cancelled."""

    def __init__(self, make_worker: Callable[[Callable[[Report], None]], Worker] = Worker) -> None:
        self._receivers: dict[Hashable, Callable[[Any], object]] = {}
        self.worker = make_worker(self._receive)

    def submit(
        self,
        job: Job,
        make: Callable[[], Steps[Any]],
        receiver: Callable[[Any], object] | None = None,
        *,
        name: str = "",
    ) -> None:
        """Run a generator of the core on the worker thread.

        Parameters
        ----------
        job
            Its kind. Older work of the same kind and name is cancelled.
        make
            Creates the generator; called on the worker thread.
        receiver
            Called with the result, on the main thread.
        name
            Tells work of one kind apart, where all of it counts.
        """
        kind = (job, name) if name else job
        self._receivers[kind] = receiver or _ignore
        self.worker.submit(kind, make, urgent=job in OF_SLICE)
        self.working.emit(True)

    def prefetch(self, make: Callable[[], Steps[None]]) -> None:
        """Run work that no one waits for; other work cancels it, and its errors are not shown."""
        self.worker.submit(Job.PREFETCH, make, idle=True)

    def run_in_event_loop(
        self, steps: Generator[None, None, None], *, atomic: bool = False
    ) -> None:
        """Run small work on the main thread, one step a turn of the event loop.

        `atomic`: an edit, which must not be left half done.
        """
        self.worker.run_in_event_loop(steps, atomic=atomic)

    def busy(self, *jobs: Job) -> bool:
        """Whether work of one of these kinds waits or runs; without kinds, any work."""
        if not jobs:
            return self.worker.busy()
        return any(self.worker.busy(job) for job in jobs)

    @property
    def queue(self) -> tuple[QueuedJob, ...]:
        """What runs and what waits, oldest first, without work that no one waits for."""
        return tuple(
            QueuedJob(kind, _words_of(kind), runs) for kind, runs in self.worker.requests()
        )

    def cancel_one(self, job: Hashable) -> None:
        """Cancel one entry of the `queue`."""
        self.worker.cancel(job)
        self.working.emit(self.worker.busy())

    def cancel(self, *jobs: Job) -> None:
        """Cancel work of these kinds; without kinds, all work."""
        if not jobs:
            self.worker.cancel()
        for job in jobs:
            self.worker.cancel(job)

    def cancel_edits(self, *jobs: Job) -> None:
        """Cancel work of these kinds and all edits that have not begun."""
        self.cancel(*jobs)
        self.worker.drop_edits()
        self.working.emit(self.busy())

    def stop(self) -> None:
        """Cancel everything and end the thread."""
        self.worker.stop()

    def _receive(self, report: Report) -> None:
        if report.kind == Job.PREFETCH:
            # What is wrong with a slice is reported when the user segments it.
            return
        if report.state == "progress":
            self.progressed.emit(report.value)
            return
        # Before a receiver opens a dialog: the progress bar would stand still behind it.
        self.working.emit(self.worker.busy())
        if report.state == "returned":
            self._receivers[report.kind](report.value)
            return
        if report.state == "failed":
            self.failed.emit(report.value)
        self.dropped.emit(report.kind)


def _ignore(_result: object) -> None:
    """Take a result that no one needs."""


def _words_of(kind: Hashable) -> str:
    """Return the words for a kind of work; several of one kind have names of their own."""
    if isinstance(kind, tuple):
        job, name = kind
        return f"{JOB_WORDS[job]} ({name})"
    return JOB_WORDS[Job(str(kind))]
