"""Fine-tuning in a process of its own, with a tiny random model."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.volumes import open_volume
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.project import CLASSES, create_project
from napari_scsam.project.reviewed_classes import number_of_classes
from napari_scsam.project.training_job import (
    BEST,
    JOB,
    PICTURE,
    STATE,
    TUNED,
    best_outcome,
    checkpoint_of,
    prepare_job,
    read_job,
    read_outcome,
)
from napari_scsam.steps import drive
from napari_scsam.train import finetune_process
from napari_scsam.train.finetune.steps import FinetuneStep
from napari_scsam.train.finetune.validation import Validation
from napari_scsam.train.finetune_process import (
    JobRun,
    explain_error,
    main,
    number_classes,
    open_job_volume,
    run_job,
)

TABLE = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "membrane"), ClassSpec(5, "vesicle"))
TINY = {
    "crops": 1,
    "replayed": 1,
    "validated": 1,
    "batch": 1,
    "most_steps": 3,
    "validations": 1,
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A job: three slices with bright squares, reviewed for mitochondria."""
    root = tmp_path_factory.mktemp("job")
    image = np.random.default_rng(0).integers(0, 80, (3, 96, 96)).astype(np.uint8)
    labels = np.zeros_like(image)
    for y, x in ((10, 12), (50, 60), (60, 10)):
        labels[:, y : y + 24, x : x + 24] = 1
    image[labels > 0] += 150
    drive(copy_image(root / "cell.zarr", image, (8.0, 8.0, 8.0), (0.0, 0.0, 0.0)))
    path = root / "mine.scsam.zarr"
    project = create_project(path, ImageReference.of(open_volume(root / "cell.zarr"), path), TABLE)
    project.array(CLASSES)[...] = labels
    project.reviewed[...] = number_of_classes(project, (1,))
    folder = drive(prepare_job(project, (1,), checkpoint, 30.0, TINY))
    project.close()
    return folder


@pytest.fixture
def job(prepared: Path, tmp_path: Path) -> Path:
    """A copy of the job, whose state is saved after each step."""
    folder = tmp_path / "training"
    shutil.copytree(prepared, folder)
    values = json.loads((folder / JOB).read_text())
    (folder / JOB).write_text(json.dumps({**values, "save_every": 0.0}))
    return folder


class Asked:
    """Commands of a window that stops after so many steps of learning."""

    paused = False

    def __init__(self, most: int = 1000) -> None:
        self.most = most
        self.stopped = False

    def hear(self, message: dict) -> None:
        learning = message["kind"] == "step" and message["phase"] == "learning"
        self.stopped = self.stopped or (learning and message["step"] >= self.most)


def messages(folder: Path, asked: Asked) -> Iterator[dict]:
    for message in run_job(folder, asked):
        asked.hear(message)
        yield message


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_that_is_stopped_and_one_that_is_killed_come_to_the_same(
    job: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(job, whole)
    told = list(messages(whole, Asked()))
    learned = [message for message in told if message.get("phase") == "learning"]
    assert [message["step"] for message in learned] == [1, 2, 3]
    assert all(np.isfinite(message["losses"]["loss"]) for message in learned)
    assert any("dice" in message for message in learned)
    assert told[-1]["kind"] == "done"
    assert not (whole / STATE).exists()
    assert np.load(whole / PICTURE).shape == (128, 128, 3)
    outcome = read_outcome(whole)
    assert outcome is not None
    assert [name for name, _, _ in outcome.rows] == ["mitochondrion"]

    kill_while_it_learns(job)
    assert (job / STATE).is_file()
    rest = list(messages(job, Asked()))
    first = next(message for message in rest if message.get("phase") == "learning")
    assert first["step"] > 1, "it begins where it was"
    again = read_outcome(job)
    assert again is not None
    assert again == outcome
    if outcome.offered:
        mine, theirs = load_file(job / TUNED), load_file(whole / TUNED)
        for name, weight in theirs.items():
            torch.testing.assert_close(mine[name], weight)
        info = checkpoint_info(job / TUNED)
        assert info.training["finetuned"]["parent"]["name"] == "random"


def kill_while_it_learns(folder: Path) -> None:
    """Run the real process, and kill it after its first step of learning."""
    command = [sys.executable, "-m", "napari_scsam.train.finetune_process", str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)
            if message.get("phase") == "learning" and message["step"] == 2:
                process.kill()
        assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_a_run_that_is_stopped_saves_its_state(job: Path) -> None:
    told = list(messages(job, Asked(most=1)))
    assert told[-1] == {"kind": "stopped"}
    assert (job / STATE).is_file()
    assert read_outcome(job) is None


def fake_run(model, prepared: Path, after: float) -> SimpleNamespace:
    """Stands in for a fine-tuning whose last validation was its best."""
    from napari_scsam.train.finetune.report import FinetuneReport, decide

    first = Validation({"mitochondrion": 0.5}, {})
    best = Validation({"mitochondrion": after}, {})

    def report(done, share):
        before = first.dice
        offered, reason = decide(before, best.dice)
        return FinetuneReport(before, best.dice, {}, offered, reason, done, 1.0, share, (0,))

    source = open_job_volume(read_job(prepared), prepared)
    return SimpleNamespace(
        first=first,
        best=best,
        report=report,
        best_model=lambda: model,
        data=SimpleNamespace(source=source),
    )


def test_the_best_so_far_is_on_disk_as_soon_as_it_is_found(prepared, job, model):
    step = SimpleNamespace(step=7)
    told = []
    for after in (0.6, 0.55, 0.8):
        run = fake_run(model, prepared, after)
        told += list(JobRun(read_job(job), job, run, Asked()).keep_best(step))
    assert [message["report"]["after"]["mitochondrion"] for message in told] == [0.6, 0.8]
    assert checkpoint_of(job) == job / BEST
    assert checkpoint_info(job / BEST).training["finetuned"]["report"]["steps"] == 7
    outcome = best_outcome(job)
    assert outcome.offered
    assert outcome.rows == (("mitochondrion", 0.5, 0.8),)


def test_what_is_no_better_is_not_kept(prepared, job, model):
    run = fake_run(model, prepared, 0.4)
    assert list(JobRun(read_job(job), job, run, Asked()).keep_best(SimpleNamespace(step=1))) == []
    assert checkpoint_of(job) is None


def learning(step: int, total: int, seconds: float, left: float = 0.0) -> FinetuneStep:
    return FinetuneStep("learning", step, total, seconds, left, {}, None)


def test_the_time_left_is_a_guess_only_once_steps_were_timed(job):
    """On a slow machine 600 steps of three seconds were taken for an hour and a half."""
    settings = SimpleNamespace(most_steps=600, validations=5)
    run = JobRun(read_job(job), job, SimpleNamespace(settings=settings, reserve=10.0), Asked())
    untimed = learning(1, 600, 100.0, left=80.0)
    assert (run.time_left(untimed), run.is_planned(untimed)) == (80.0, False)
    late = learning(2, 600, 190.0)
    assert (run.time_left(late), run.is_planned(late)) == (10.0, False), "it is compared yet"
    planned = learning(3, 13, 120.0)
    assert (run.time_left(planned), run.is_planned(planned)) == (100.0 + 10.0, True)
    assert run.time_left(learning(13, 13, 220.0, left=900.0)) == 10.0, "no more steps are planned"
    comparing = FinetuneStep("comparing", 2, 5, 150.0, 0.0, {}, None)
    assert run.is_planned(comparing)


def test_new_classes_have_the_ids_and_colours_of_the_project(prepared, model):
    parent = SimpleNamespace(classes=model.classes)
    tuned = SimpleNamespace(
        classes=(*model.classes, ClassSpec(6, "granule"), ClassSpec(7, "vessel"))
    )
    job = read_job(prepared).model_copy(
        update={
            "classes": {"3": "vessel", "9": "granule", "1": "mitochondrion"},
            "colours": {"9": "#010203"},
        }
    )
    number_classes(SimpleNamespace(parent=parent, model=tuned), job)
    assert tuned.classes[:3] == model.classes
    assert tuned.classes[3] == ClassSpec(9, "granule", "#010203")
    assert tuned.classes[4].id == 7, "3 would not be in the order of the table"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (UserError("review some slices"), "review some slices"),
        (MemoryError(), "training ran out of memory; close other programs, then resume it"),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2 GiB\nand more"),
            "training ran out of memory; close other programs, then resume it",
        ),
        (
            ValueError("odd\nsecond line"),
            "training failed (ValueError: odd); resume it, or drop it",
        ),
    ],
)
def test_what_goes_wrong_is_one_sentence(error, says):
    assert explain_error(error) == says


def test_what_is_nobodys_mistake_is_in_the_log_as_a_traceback(tmp_path, monkeypatch, capsys):
    def broken(*_: object) -> Iterator[dict]:
        raise ValueError("odd")
        yield {}

    monkeypatch.setattr(finetune_process, "run_alone", broken)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    assert main([str(tmp_path)]) == 1
    assert "ValueError: odd" in json.loads(out.getvalue())["why"]
    assert "Traceback" in capsys.readouterr().err


def test_a_folder_without_a_job_is_told_as_a_message(tmp_path, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert main([str(tmp_path)]) == 1
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [message["kind"] for message in told] == ["failed"]
    assert "no training that can be read" in told[0]["why"]
