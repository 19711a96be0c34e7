"""Training on what is reviewed: start, pause, cancel, resume, and use what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.jobs.training import TrainingProcess, TrainingServer
from napari_scsam.gui.jobs.training_steps import keep_checkpoint_steps, write_job_steps
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.workarounds.timer import Timer
from napari_scsam.project.record import PROJECT_SUFFIX
from napari_scsam.project.reviewed_classes import gather_parts
from napari_scsam.project.training_job import (
    Outcome,
    Phase,
    TrainingJob,
    best_outcome,
    drop_job,
    find_job,
    read_job,
    read_outcome,
)
from napari_scsam.project.training_plan import TrainingPlan, choose_classes, plan_training

if TYPE_CHECKING:
    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.gui.session import Session
    from napari_scsam.project.project import Project

MINUTES = 3.0
"""A training takes, unless the user says otherwise."""

PATIENCE_MS = 300
"""After this, a training that was cancelled is killed; what it has found is on disk."""

SERVER_PATIENCE_MS = 3000
"""The same of a training on a server, which has to hear of it."""

NO_PROJECT = "there is no project to learn from; make one with New, under Project"
NO_CHECKPOINT = "there is no checkpoint to start from; choose one under Model"
IMPORTED = "an imported network does not learn; choose a ScSAM checkpoint under Model"
NO_CLASSES = "this checkpoint answers clicks only; choose one with classes under Model"
ELSEWHERE = (
    "this training began on a server, with its checkpoint {!r}; "
    "choose that server under Model > Device, or drop the training"
)
NOTHING_REVIEWED = "nothing is reviewed yet; mark slices as reviewed first"
KILLED = (
    "training was ended by the system, most likely because memory ran out; "
    "close other programs, then resume it"
)


def describe_end(status: int) -> str:
    """Return why a training stopped that did not say so, by its exit status."""
    if status < 0:
        return KILLED
    return f"training ended early (status {status}); resume it, or drop it"


class ProjectTraining:
    """The training of the project in one viewer; made by `Session.part`."""

    changed = Signal()
    """Another plan, or another phase."""
    heard = Signal(object)
    """A message of the process that trains."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.keeper = session.part(ProjectKeeper)
        self.reviewing = session.part(Reviewing)
        self.phase = Phase.IDLE
        self.minutes = MINUTES
        self.classes: tuple[int, ...] | None = None
        """Ids of the classes to train on, if the user chose them."""
        self.outcome: Outcome | None = None
        self.trouble = ""
        """Why the last training ended before its end."""
        self.process: TrainingProcess | None = None
        self._cancelled = False
        self._project: Project | None = None
        self._timer = Timer(self._kill)
        self.keeper.changed.connect(self._on_project)
        self.reviewing.changed.connect(self.changed)
        session.choices.checkpoint_changed.connect(self.changed)
        session.network.changed.connect(self.changed)
        session.ended.connect(self._on_ended)
        self._on_project()

    # What others ask

    @property
    def plan(self) -> TrainingPlan:
        """What would be trained on now."""
        project = self.keeper.project
        if project is None:
            return TrainingPlan((), 0, 0)
        counts = {z: one.numbers for z, one in self.reviewing.slices.items() if one.numbers}
        size = max((one.size for one in self.reviewing.slices.values()), default=1)
        parts = gather_parts(project, counts)
        ids = self.classes
        if ids is None:
            ids = choose_classes(parts)
        return plan_training(parts, ids, size)

    @property
    def place(self) -> str:
        """The computer that trains, by its name; empty for this one."""
        line = self.session.network.line
        return "" if line is None else line.host

    @property
    def obstacle(self) -> str:
        """Why training cannot start, and what to do; empty where it can."""
        checkpoint = self.session.choices.checkpoint
        if self.keeper.project is None:
            return NO_PROJECT
        if checkpoint is None:
            return self.session.network.training_obstacle or NO_CHECKPOINT
        if checkpoint.prompts_only:
            return NO_CLASSES
        if checkpoint.classes_only:
            return IMPORTED
        if not any(one.numbers for one in self.reviewing.slices.values()):
            return NOTHING_REVIEWED
        return self.session.network.training_obstacle

    # What the user does

    def set_minutes(self, minutes: float) -> None:
        """Set the time of a training."""
        self.minutes = minutes

    def choose(self, classes: Sequence[ClassSpec]) -> None:
        """Choose the classes to train on."""
        self.classes = tuple(spec.id for spec in classes)
        self.changed.emit()

    def start(self, settings: Mapping[str, Any] | None = None) -> None:
        """Train on what is reviewed; an older training of this project is replaced."""
        project = self.keeper.project
        checkpoint = self.session.choices.checkpoint
        if project is None or checkpoint is None or self.obstacle:
            self.session.report_error(UserError(self.obstacle))
            return
        self.keeper.saver.save()
        on_server = ""
        if self.session.network.server and not checkpoint.path.is_file():
            on_server = checkpoint.name
        steps = partial(
            write_job_steps,
            project,
            self.plan.classes,
            checkpoint.path,
            self.minutes,
            settings,
            on_server,
        )
        self._enter(Phase.PREPARING)
        self.session.jobs.submit(Job.PREPARE_TRAINING, steps, self._on_prepared)

    def resume(self) -> None:
        """Resume a training that was paused, stopped or killed."""
        if self.phase == Phase.PAUSED and self.process is not None:
            self.process.send("resume")
            self._enter(Phase.RUNNING)
            return
        folder = self._folder()
        if folder is not None:
            self._run(folder)

    def pause(self) -> None:
        """Pause the training."""
        if self.process is not None and self.phase == Phase.RUNNING:
            self.process.send("pause")
            self._enter(Phase.PAUSED)

    def cancel(self) -> None:
        """End the training; the best so far is kept."""
        if self.process is None or self._cancelled:
            return
        self._cancelled = True
        self.process.send("stop")
        self._timer.start(SERVER_PATIENCE_MS if self.process.server else PATIENCE_MS)
        self.session.status.emit("Stopping the training …")

    def drop(self) -> None:
        """Remove a training that was stopped, or what came out of one."""
        folder = self._folder()
        if folder is not None and self.process is None:
            drop_job(folder)
        self.outcome = None
        self.trouble = ""
        self._enter(Phase.IDLE)

    def use(self) -> None:
        """Use the checkpoint that came out; it is kept among the user's checkpoints."""
        folder = self._folder()
        if folder is None or self.outcome is None or not self.outcome.offered:
            return
        name = folder.parent.name.removesuffix(PROJECT_SUFFIX)
        steps = partial(keep_checkpoint_steps, folder, name)
        self.session.jobs.submit(Job.SAVE_MODEL, steps, self._on_kept)

    # What happens

    def _on_project(self) -> None:
        project = self.keeper.project
        if project is self._project:
            self.changed.emit()
            return
        self._project = project
        self._let_go()
        self.classes = None
        self.outcome = None
        self.trouble = ""
        folder = self._folder()
        if folder is None:
            self._enter(Phase.IDLE)
            return
        self.outcome = read_outcome(folder)
        if self.outcome is None:
            self._enter(Phase.STOPPED)
        else:
            self._enter(Phase.FINISHED)

    def _on_prepared(self, folder: Path) -> None:
        if self._folder() == folder:
            self._run(folder)

    def _run(self, folder: Path) -> None:
        try:
            server = self._server(read_job(folder))
        except UserError as error:
            self._enter(Phase.STOPPED)
            self.session.report_error(error)
            return
        self.outcome = None
        self.trouble = ""
        self._cancelled = False
        self.process = TrainingProcess(folder, server)
        self.process.heard.connect(self._on_heard)
        self.process.ended.connect(self._on_process_ended)
        self.process.start()
        self.session.status.emit("Training has begun; you can go on working.")
        self._enter(Phase.RUNNING)

    def _server(self, job: TrainingJob) -> TrainingServer | None:
        """Return the server that is to train; None for this computer.

        Raises
        ------
        UserError
            When the checkpoint of a job is on a server that is not in use.
        """
        line = self.session.network.line
        if line is not None:
            return TrainingServer(line.address, line.token, job.on_server or job.checkpoint)
        if job.on_server:
            raise UserError(ELSEWHERE.format(job.on_server))
        return None

    def _on_heard(self, message: dict[str, Any]) -> None:
        if message["kind"] == "failed":
            self.trouble = message["why"]
        self.heard.emit(message)

    def _on_process_ended(self, status: int) -> None:
        self._timer.stop()
        if self.process is None:
            return
        folder = self.process.folder
        self._forget_process()
        self.outcome = read_outcome(folder)
        if self.outcome is None and self._cancelled:
            self.outcome = best_outcome(folder)
        if self.outcome is not None:
            self.session.status.emit(self.outcome.sentence)
            self._enter(Phase.FINISHED)
            return
        self.trouble = self.trouble or describe_end(status)
        self._enter(Phase.STOPPED)
        self.session.report_error(UserError(self.trouble))

    def _on_kept(self, info: CheckpointInfo) -> None:
        self.drop()
        self.session.choices.exchange_checkpoint(info)
        self.keeper.saver.log("fine-tuned", checkpoint=info.name)
        self.session.status.emit(f"{info.name} is in use, and listed under Model.")

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self.changed.emit()

    def _folder(self) -> Path | None:
        project = self.keeper.project
        if project is None:
            return None
        return find_job(project.path)

    def _kill(self) -> None:
        """End the process, and go on at once: the system takes a while to free its memory."""
        if self.process is not None:
            self.process.kill()
            self._on_process_ended(-1)

    def _let_go(self) -> None:
        """Ask the process to save its state and end, and stop listening to it."""
        if self.process is not None:
            self.process.leave()
            self._forget_process()

    def _forget_process(self) -> None:
        """Stop listening to the process."""
        if self.process is not None:
            self.process.heard.disconnect(self._on_heard)
            self.process.ended.disconnect(self._on_process_ended)
            self.process.deleteLater()
            self.process = None

    def _on_ended(self) -> None:
        self._let_go()
        self._timer.stop()
