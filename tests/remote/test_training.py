"""A training as a client asks for it: slices first, and again in a session that knows none."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_scsam.io.labels import create_labels
from napari_scsam.project.training_job import JOB, JOB_LABELS, TrainingJob
from napari_scsam.remote.answered import Trained
from napari_scsam.remote.arrays import pack_plain, unpack
from napari_scsam.remote.line import Line, LineState, StateLostError
from napari_scsam.remote.training import request_of, train_steps
from napari_scsam.steps import Progress

IMAGE = np.random.default_rng(0).integers(0, 255, (5, 12, 10)).astype(np.uint16)


@pytest.fixture
def folder(tmp_path):
    """A job on slices 1 and 4 of five."""
    np.save(tmp_path / "cell.npy", IMAGE)
    labels = create_labels(tmp_path / JOB_LABELS, IMAGE.shape, None, ())
    reviewed = create_labels(tmp_path / JOB_LABELS, IMAGE.shape, None, (), name="reviewed")
    for z in (1, 4):
        labels[z] = IMAGE[z] > 99
        reviewed[z] = 1
    job = TrainingJob(
        image=str(tmp_path / "cell.npy"), classes={"1": "cell"}, slices=(1, 4), checkpoint="c"
    )
    (tmp_path / JOB).write_text(job.model_dump_json())
    return tmp_path


class Session:
    """Takes slices, and says what a training would; it may lose its state first."""

    def __init__(self, *said: Trained, lost: int = 0) -> None:
        self.said = said
        self.lost = lost
        self.put: list = []
        self.told: list = []
        self.trainings: list = []
        self.line = SimpleNamespace(state=LineState(Line.CONNECTED), tell=self.told.append)

    def ask_steps(self, make, take=None):
        request = make()
        yield Progress(0, 1)
        if request.type == "put_training":
            self.put.append(request)
            return
        self.trainings.append(request)
        if self.lost:
            self.lost -= 1
            raise StateLostError
        for each in self.said:
            take(each)
            yield Progress(0, 1)


def said(kind: str, **more) -> Trained:
    return Trained(id=1, message={"kind": kind}, **more)


def play(session: Session, folder, commands: list | None = None) -> list[dict]:
    waiting = commands or []
    return list(train_steps(session, folder, lambda: waiting.pop(0) if waiting else None))


def test_the_slices_are_sent_by_their_place_and_nothing_else_of_the_volume(folder):
    session = Session(said("done"))
    play(session, folder)
    assert [(each.kind, each.z) for each in session.put] == [
        (kind, z) for z in (0, 1) for kind in ("image", "labels", "reviewed")
    ]
    np.testing.assert_array_equal(unpack(session.put[0].array), IMAGE[1])
    np.testing.assert_array_equal(unpack(session.put[3].array), IMAGE[4])
    assert {each.job for each in session.put} == {session.trainings[0].job}
    assert session.trainings[0].slices == 2


def test_a_session_that_lost_the_slices_gets_them_again(folder):
    session = Session(said("done"), lost=2)
    assert [each["kind"] for each in play(session, folder)] == ["done"]
    assert len(session.put) == 3 * 6
    assert len(session.trainings) == 3


def test_messages_come_with_their_picture_and_their_checkpoint(folder):
    picture = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    session = Session(
        said("started"), said("picture", picture=pack_plain(picture)), said("best", name="mine")
    )
    started, pictured, best = play(session, folder)
    assert started == {"kind": "started"}
    np.testing.assert_array_equal(pictured["picture"], picture)
    assert best["checkpoint"] == "mine"


def test_commands_wait_for_the_training_and_for_a_line(folder):
    session = Session(said("started"), said("step"), said("step"))
    commands = ["pause", "stop"]
    steps = train_steps(session, folder, lambda: commands.pop(0) if commands else None)
    assert next(steps)["kind"] == "started"
    assert not session.told
    session.line.state = LineState(Line.LOST)
    assert next(steps)["kind"] == "step"
    assert commands == ["pause", "stop"]
    session.line.state = LineState(Line.CONNECTED)
    list(steps)
    assert [each.command for each in session.told] == ["pause", "stop"]


def test_the_name_of_a_training_is_that_of_its_job(folder):
    job = TrainingJob(image="a", classes={"1": "cell"}, slices=(1,), checkpoint="c")
    other = job.model_copy(update={"created": "later"})
    assert request_of(job).job == request_of(job).job
    assert request_of(job).job != request_of(other).job
