"""Fine-tuning in a process of its own: ``python -m napari_scsam.train.finetune_process JOB_FOLDER``.

A window starts it, so that it stays usable, gets its memory back, and outlives it. It writes one
JSON object a line to the standard output. It reads ``pause``, ``resume`` and ``stop``, one a line,
from the standard input. When that is closed, the window is gone: it saves its state and ends.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.json_files import replace_json
from napari_scsam.project.training_job import (
    BEST,
    BEST_REPORT,
    JOB_LABELS,
    JOB_PATIENCE,
    PICTURE,
    REPORT,
    STATE,
    TUNED,
    TrainingJob,
    holding,
    read_best,
    read_job,
)
from napari_scsam.train.commands import Commands

if TYPE_CHECKING:
    from napari_scsam.train.finetune.data import CorrectedVolume
    from napari_scsam.train.finetune.finetuning import Finetuning
    from napari_scsam.train.finetune.steps import FinetuneResult, FinetuneStep
    from napari_scsam.train.validation_tile import ValidationTile

NICENESS = 5
"""The window goes first where both want the processor."""

PICTURE_EVERY = 6.0
"""Seconds between two pictures of the validation tile."""

OUT_OF_MEMORY = "out of memory"
"""What torch says of it, on any device."""


def main(arguments: list[str] | None = None) -> int:
    """Run the job in a folder; returns the exit status, 0 unless something went wrong."""
    folder = Path((arguments or sys.argv[1:])[0])
    # What libraries print must not mix with the messages.
    messages = sys.stdout
    sys.stdout = sys.stderr
    commands = Commands(sys.stdin)
    with suppress(OSError, AttributeError):
        os.nice(NICENESS)
    try:
        for message in run_alone(folder, commands):
            print(json.dumps(message), file=messages, flush=True)
    except BrokenPipeError:
        return 1
    except Exception as error:  # noqa: BLE001  # whatever it is, the window must hear of it
        return report_failure(error, messages)
    return 0


def report_failure(error: Exception, messages: IO[str]) -> int:
    """Write why the training failed, in one sentence; the log has the whole traceback."""
    if not isinstance(error, UserError):
        traceback.print_exception(error)
    with suppress(OSError):
        print(
            json.dumps({"kind": "failed", "why": explain_error(error)}), file=messages, flush=True
        )
    return 1


def explain_error(error: Exception) -> str:
    """Return an error as one sentence that says what to do."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MemoryError) or OUT_OF_MEMORY in str(error).lower():
        return "training ran out of memory; close other programs, then resume it"
    first = (str(error).strip().splitlines() or [""])[0]
    return f"training failed ({type(error).__name__}: {first}); resume it, or drop it"


def run_alone(folder: Path, commands: Commands) -> Iterator[dict[str, Any]]:
    """Run the job in a folder once no other process works on it."""
    read_job(folder)
    with holding(folder, JOB_PATIENCE):
        yield from run_job(folder, commands)


def run_job(folder: Path, commands: Commands) -> Iterator[dict[str, Any]]:
    """Fine-tune; yield a message for each step, and one at the end."""
    yield {"kind": "started"}
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.infer.device import choose_device
    from napari_scsam.train.finetune.finetuning import Finetuning
    from napari_scsam.train.finetune.settings import FinetuneSettings

    job = read_job(folder)
    run = Finetuning(
        open_job_volume(job, folder),
        load_checkpoint(job.checkpoint),
        job.minutes,
        choose_device("auto"),
        folder / STATE,
        replace(FinetuneSettings(), **job.settings),
    )
    number_classes(run, job)
    yield from JobRun(job, folder, run, commands).messages()


def open_job_volume(job: TrainingJob, folder: Path) -> CorrectedVolume:
    """Open the image, and the labels as they were when the job began."""
    from napari_scsam.io.volumes import open_labels, open_volume
    from napari_scsam.train.finetune.data import CorrectedVolume

    labels = folder / JOB_LABELS / "labels"
    return CorrectedVolume(
        image=open_volume(job.image, job.voxel_size),
        labels=open_labels(labels / "classes"),
        classes={int(value): name for value, name in job.classes.items()},
        reviewed=open_labels(labels / "reviewed"),
        slices=list(job.slices),
        voxel_size=job.voxel_size,
    )


def number_classes(run: Finetuning, job: TrainingJob) -> None:
    """Set the ids and colours of classes that the parent lacks as the project has them.

    The class table is ordered by ids, so smaller ids than the parent's cannot be kept.
    """
    known = {spec.name.casefold() for spec in run.parent.classes}
    largest = max(spec.id for spec in run.parent.classes)
    wanted = {
        name: ClassSpec(int(value), name, job.colours.get(value, "#ffffff"))
        for value, name in job.classes.items()
        if name.casefold() not in known and int(value) > largest
    }
    run.model.classes = tuple(wanted.get(spec.name, spec) for spec in run.model.classes)


class JobRun:
    """One run of a job: what it yields, and what it keeps in its folder.

    Parameters
    ----------
    job, folder
        The job, and where it lies.
    run
        The fine-tuning, before its first step.
    commands
        What the window asks for.
    """

    def __init__(self, job: TrainingJob, folder: Path, run: Finetuning, commands: Commands) -> None:
        self.job = job
        self.folder = folder
        self.run = run
        self.commands = commands
        best = read_best(folder)
        self.best_score = mean_over_classes(best["after"]) if best else -1.0
        """Mean Dice of the best checkpoint in the folder."""
        self.saved = time.monotonic()
        self.drawn = 0.0
        self.tile: ValidationTile | None = None
        self.phase = ""
        self.phase_began = 0.0
        self.phase_first = 0

    def messages(self) -> Iterator[dict[str, Any]]:
        """Train to the end, or until the window stops it."""
        steps = self.run.steps(lambda: False)
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                yield from self.finish(end.value)
                return
            left = self.time_left(step)
            message = describe_step(step, self.run.first.dice, left)
            if not self.is_planned(step):
                message["total"] = 0
            yield message
            yield from self.after(step)
            yield from self.wait()
            if self.commands.stopped:
                if step.phase == "learning":
                    self.save_state(step)
                yield {"kind": "stopped"}
                return

    def time_left(self, step: FinetuneStep) -> float:
        """Return the seconds that are left: what was planned, or what this phase still takes."""
        if step.phase != self.phase:
            self.phase = step.phase
            self.phase_began = step.seconds
            self.phase_first = step.step
        done = step.step - self.phase_first
        rest = self.seconds_to_compare(step)
        if not done or not self.is_planned(step):
            return max(step.seconds_left, rest)
        pace = (step.seconds - self.phase_began) / done
        rest += pace * (step.total - step.step)
        if step.phase == "embedding":
            return max(step.seconds_left, rest)
        return rest  # fewer steps may be planned than there is time for

    def is_planned(self, step: FinetuneStep) -> bool:
        """Whether the number of steps is known; it is once some of them were timed."""
        from napari_scsam.train.finetune.finetuning import TIMED

        most = self.run.settings.most_steps
        is_first_guess = step.phase == "learning" and step.total == most
        return not is_first_guess or step.step - self.phase_first + 1 >= min(TIMED, most)

    def seconds_to_compare(self, step: FinetuneStep) -> float:
        """Return what the comparison after the last step takes."""
        return self.run.reserve if step.phase == "learning" else 0.0

    def after(self, step: FinetuneStep) -> Iterator[dict[str, Any]]:
        """Keep what was found, and draw the tile now and then."""
        if step.phase != "learning":
            return
        if step.validation is not None and step.validation is self.run.best:
            yield from self.keep_best(step)
        if time.monotonic() - self.saved > self.job.save_every:
            self.save_state(step)
        if step.validation is not None or time.monotonic() - self.drawn > PICTURE_EVERY:
            yield self.draw()

    def keep_best(self, step: FinetuneStep) -> Iterator[dict[str, Any]]:
        """Write the weights as they are, which are the best so far."""
        from napari_scsam.train.finetune.save import save_tuned
        from napari_scsam.train.finetune.steps import FinetuneResult

        run = self.run
        report = run.report(step.step, 0.0)
        if not report.offered or mean_over_classes(report.after) <= self.best_score:
            return
        self.best_score = mean_over_classes(report.after)
        result = FinetuneResult(run.best_model(), report)
        save_tuned(self.folder / BEST, result, self.job.checkpoint, run.data.source)
        replace_json(self.folder / BEST_REPORT, report.to_dict())
        yield {"kind": "best", "report": report.to_dict()}

    def save_state(self, step: FinetuneStep) -> None:
        """Write everything that is needed to resume after this step."""
        from napari_scsam.train.finetune.state import Saved

        run = self.run
        run.state.write(run.path, run.optimiser, Saved(step.step, step.total, run.seconds))
        self.saved = time.monotonic()

    def draw(self) -> dict[str, Any]:
        """Draw the validation tile as the model segments it now."""
        from napari_scsam.train.validation_tile import ValidationTile

        if self.tile is None:
            self.tile = ValidationTile(self.run, self.job)
        self.tile.write(self.folder / PICTURE)
        self.drawn = time.monotonic()
        return {"kind": "picture"}

    def wait(self) -> Iterator[dict[str, Any]]:
        """Wait while the window has it paused; that time does not count."""
        if not self.commands.paused:
            return
        yield {"kind": "paused"}
        since = time.monotonic()
        self.commands.wait()
        self.run.began += time.monotonic() - since
        yield {"kind": "resumed"}

    def finish(self, result: FinetuneResult) -> Iterator[dict[str, Any]]:
        """Write the report, and the checkpoint if it is better."""
        from napari_scsam.train.finetune.save import save_tuned

        yield self.draw()
        report = result.report.to_dict()
        if result.report.offered:
            save_tuned(self.folder / TUNED, result, self.job.checkpoint, self.run.data.source)
        replace_json(self.folder / REPORT, report)
        yield {"kind": "done", "report": report}


def describe_step(step: FinetuneStep, first: Mapping[str, float], left: float) -> dict[str, Any]:
    """Return the message on one step.

    Parameters
    ----------
    step
        What was done.
    first
        Dice of the parent on the held-out crops.
    left
        Seconds, about.
    """
    message = {
        "kind": "step",
        "phase": step.phase,
        "step": step.step,
        "total": step.total,
        "seconds": step.seconds,
        "left": left,
        "losses": dict(step.losses),
        "first": dict(first),
    }
    if step.validation is not None:
        message["dice"] = dict(step.validation.dice)
    return message


def mean_over_classes(dice: Mapping[str, float]) -> float:
    """Return the mean of the classes; 0 without any."""
    return sum(dice.values()) / max(1, len(dice))


if __name__ == "__main__":
    sys.exit(main())
