"""Fine-tuning on a server, as the process that a window starts; the training itself is a stand-in."""

from __future__ import annotations

import io
import json
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pytest
from served import TINY, TOKEN, served_on_a_thread

from napari_scsam.io.labels import create_labels
from napari_scsam.io.volumes import open_labels
from napari_scsam.project.training_job import (
    BEST,
    JOB,
    JOB_LABELS,
    PICTURE,
    REPORT,
    TUNED,
    TrainingJob,
    read_job,
    read_outcome,
)
from napari_scsam.remote import training_process
from napari_scsam.remote.address import TOKEN_VARIABLE
from napari_scsam.server import training as served_training
from napari_scsam.server.settings import ServerSettings

SLICES = (2, 5)
"""Reviewed ones of the volume; the server knows them as 0 and 1."""


@pytest.fixture(scope="module")
def here(tiny_folder):
    """A server on a thread: its address, and its engine."""
    with served_on_a_thread(ServerSettings(TOKEN, "cpu", tiny_folder)) as (address, app):
        yield address, app.state.engine


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch, tiny_folder):
    monkeypatch.setattr(served_training, "MODULE", "fake_training")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "helpers"))
    monkeypatch.setenv("FAKE_CHECKPOINT", str(tiny_folder / f"{TINY}.safetensors"))
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)


@pytest.fixture
def job(tmp_path):
    """Folder of a job on two slices of six."""
    image = np.random.default_rng(0).integers(0, 255, (6, 24, 20)).astype(np.uint8)
    np.save(tmp_path / "cell.npy", image)
    folder = tmp_path / "training"
    folder.mkdir()
    labels = create_labels(folder / JOB_LABELS, image.shape, None, ())
    reviewed = create_labels(folder / JOB_LABELS, image.shape, None, (), name="reviewed")
    for z in SLICES:
        labels[z] = image[z] > 128
        reviewed[z] = 1
    values = TrainingJob(
        image=str(tmp_path / "cell.npy"),
        classes={"1": "mitochondrion"},
        colours={"1": "#ff0000"},
        slices=SLICES,
        checkpoint="unused",
        voxel_size=(8.0, 8.0, 8.0),
    )
    (folder / JOB).write_text(json.dumps(values.model_dump()))
    return folder


def said_by(job: Path, address: str, commands: SimpleQueue | None = None) -> list[dict]:
    """What the training says."""
    return list(training_process.messages(job, address, TINY, commands or SimpleQueue()))


def test_what_the_training_says_comes_in_order_and_its_files_come_with_it(
    here, job, monkeypatch, tiny_folder
):
    monkeypatch.setenv("FAKE_TRAINING", "better")
    said = said_by(job, here[0])
    assert [each["kind"] for each in said] == ["started", "step", "picture", "step", "done"]
    assert all(json.loads(json.dumps(each)) for each in said)  # for the window
    assert not any("checkpoint" in each for each in said)
    whole = (tiny_folder / f"{TINY}.safetensors").read_bytes()
    assert (job / TUNED).read_bytes() == whole
    assert np.load(job / PICTURE).shape == (32, 32, 3)
    outcome = read_outcome(job)
    assert outcome is not None
    assert outcome.offered


def test_the_server_trains_on_the_reviewed_slices_alone(here, job, monkeypatch):
    monkeypatch.setenv("FAKE_TRAINING", "worse")
    there: list[Path] = []
    start = served_training.ServedTraining

    def started(folder):
        there.append(folder)
        copied = read_job(folder)
        assert copied.slices == (0, 1)
        assert copied.classes == {"1": "mitochondrion"}
        assert copied.voxel_size == (8.0, 8.0, 8.0)
        mine = open_labels(job / JOB_LABELS / "labels" / "classes")
        theirs = open_labels(folder / JOB_LABELS / "labels" / "classes")
        for position, z in enumerate(SLICES):
            np.testing.assert_array_equal(theirs.plane(position), mine.plane(z))
        return start(folder)

    monkeypatch.setattr("napari_scsam.server.engine.ServedTraining", started)
    said_by(job, here[0])
    assert len(there) == 1
    assert not list(there[0].parent.glob("*.npy"))  # the job has them


def test_a_network_that_is_no_better_is_not_downloaded(here, job, monkeypatch):
    monkeypatch.setenv("FAKE_TRAINING", "worse")
    assert said_by(job, here[0])[-1]["kind"] == "done"
    assert not (job / TUNED).exists()
    assert (job / REPORT).is_file()


def test_a_stop_that_was_asked_before_the_training_began_is_not_lost(here, job, monkeypatch):
    monkeypatch.setenv("FAKE_TRAINING", "waits")
    commands: SimpleQueue[str] = SimpleQueue()
    commands.put("stop")
    said = said_by(job, here[0], commands)
    assert said[0]["kind"] == "started"
    assert commands.empty()
    assert not (job / TUNED).exists()


def test_why_a_training_failed_reaches_the_window(here, job, monkeypatch):
    monkeypatch.setenv("FAKE_TRAINING", "memory")
    last = said_by(job, here[0])[-1]
    assert last["kind"] == "failed"
    assert "out of memory" in last["why"]


@pytest.mark.parametrize("cuts", [1, 2])
def test_the_end_of_a_training_is_heard_after_a_line_that_was_cut(here, job, monkeypatch, cuts):
    """The training ends while nobody listens; its report and its checkpoint come all the same."""
    monkeypatch.setenv("FAKE_TRAINING", "better")
    lines: list = []
    opened = training_process.Connection

    def connection(*arguments):
        lines.append(opened(*arguments))
        return lines[-1]

    monkeypatch.setattr(training_process, "Connection", connection)
    left = cuts
    kinds = []
    for message in training_process.messages(job, here[0], TINY, SimpleQueue()):
        kinds.append(message["kind"])
        if left and message["kind"] == "started":
            left -= 1
            for session in here[1].sessions:
                for training in session.trainings.values():
                    training.ended.wait(20)
            lines[0]._cut()
    assert kinds[-1] == "done"
    assert (job / TUNED).is_file()
    assert (job / REPORT).is_file()


def test_a_best_network_is_kept_when_the_training_is_stopped(here, job, monkeypatch, tiny_folder):
    monkeypatch.setenv("FAKE_TRAINING", "deaf")
    steps = training_process.messages(job, here[0], TINY, SimpleQueue())
    for message in steps:
        if message["kind"] == "best":
            break
    steps.close()
    assert (job / BEST).read_bytes() == (tiny_folder / f"{TINY}.safetensors").read_bytes()
    for session in here[1].sessions:
        for training in session.trainings.values():
            training.close()


def test_a_checkpoint_that_the_server_lacks_is_one_message_and_a_bad_status(
    here, job, capsys, monkeypatch
):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert training_process.main([str(job), here[0], "another"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    message = json.loads(line)
    assert message["kind"] == "failed"
    assert "no checkpoint 'another'" in message["why"]


def test_unknown_commands_are_ignored_and_a_closed_input_stops(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("pause\nrm -rf\n resume \n"))
    commands: SimpleQueue[str] = SimpleQueue()
    training_process._listen(commands)
    heard = [training_process._next(commands) for _ in range(4)]
    assert heard == ["pause", "resume", "stop", None]


def test_without_a_token_the_window_hears_where_it_comes_from(job, capsys, monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE)
    monkeypatch.setattr("napari_scsam.remote.address.stored_token", lambda _address: None)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert training_process.main([str(job), "127.0.0.1:9", TINY]) == 1
    assert TOKEN_VARIABLE in json.loads(capsys.readouterr().out)["why"]
    assert not (job / REPORT).exists()
