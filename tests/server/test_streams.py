"""Files and messages of trainings on their way to a client."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.remote.arrays import unpack
from napari_scsam.remote.asked import FetchCheckpoint, FineTune
from napari_scsam.server import streams
from napari_scsam.server.session import ClientSession
from napari_scsam.server.streams import Streams

JOB = "0" * 32


class Heard:
    """A client that keeps what it is sent; it may leave after some messages."""

    def __init__(self, training=None, leaves_after: int = 10**9) -> None:
        self.engine = SimpleNamespace(training=training)
        self.outbox = SimpleNamespace(room=self.room)
        self.open: dict = {1: None}
        self.messages: list = []
        self.leaves_after = leaves_after

    async def room(self) -> None:
        if len(self.messages) >= self.leaves_after:
            self.open.clear()

    def put(self, message) -> None:
        self.messages.append(message)

    post = put

    def close_request(self, number: int) -> bool:
        was_open = number in self.open
        self.open.pop(number, None)
        return was_open


class Run:
    """A training that says a few things at once, and has ended."""

    def __init__(self, folder, messages) -> None:
        self.folder = folder
        self.messages = messages
        self.ended = asyncio.Event()
        self.ignored = False
        self.checkpoint = None

    def listen(self, take) -> None:
        for message, picture in self.messages:
            take(message, picture)
        self.ended.set()

    def ignore(self) -> None:
        self.ignored = True


@pytest.fixture
def session(tmp_path):
    """A session with one checkpoint of three parts."""
    session = ClientSession()
    path = tmp_path / "tuned.safetensors"
    path.write_bytes(np.random.default_rng(0).bytes(2500))
    session.tuned["mine"] = path
    return session


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(streams, "PART_BYTES", 1000)


def fetched(client: Heard, session: ClientSession, name: str = "mine") -> list:
    asyncio.run(Streams(client).fetch(session, FetchCheckpoint(id=1, name=name)))
    return client.messages


def test_a_file_comes_in_parts_in_order_and_then_it_is_done(session):
    *parts, done = fetched(Heard(), session)
    assert [part.offset for part in parts] == [0, 1000, 2000]
    assert {part.total for part in parts} == {2500}
    assert b"".join(part.data for part in parts) == session.tuned["mine"].read_bytes()
    assert (done.type, done.id) == ("done", 1)


def test_nothing_is_read_for_a_client_that_has_cancelled(session):
    client = Heard(leaves_after=1)
    found = fetched(client, session)
    assert len(found) <= 2
    assert "done" not in [each.type for each in found]


@pytest.mark.parametrize("name", ["other", "", "../mine", "mine.safetensors"])
def test_only_checkpoints_of_the_session_are_sent(session, name):
    client = Heard()
    (failed,) = fetched(client, session, name)
    assert (failed.type, failed.kind, failed.id) == ("failed", "user", 1)
    assert not client.open


def test_a_checkpoint_that_was_removed_is_a_sentence(session):
    session.tuned["mine"].unlink()
    (failed,) = fetched(Heard(), session)
    assert "train it again" in failed.sentence


def trained(client: Heard, session: ClientSession) -> list:
    asyncio.run(
        Streams(client).train(session, FineTune(id=1, job=JOB, classes={"1": "a"}, slices=1))
    )
    return client.messages


def test_what_a_training_says_comes_with_its_picture_and_the_name_of_its_checkpoint(
    session, tmp_path
):
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    run = Run(
        tmp_path / "training" / "job", [({"kind": "step"}, None), ({"kind": "picture"}, picture)]
    )
    run.checkpoint = session.tuned["mine"]
    step, pictured, done = trained(Heard(lambda *_: run), session)
    assert step.message == {"kind": "step"}
    np.testing.assert_array_equal(unpack(pictured.picture), picture)
    assert step.name == "training-tuned"
    assert session.tuned[step.name] == run.checkpoint
    assert done.type == "done"
    assert run.ignored


def test_a_training_without_anything_better_names_no_checkpoint(session, tmp_path):
    run = Run(tmp_path, [({"kind": "done"}, None)])
    said, _ = trained(Heard(lambda *_: run), session)
    assert said.name == ""
    assert list(session.tuned) == ["mine"]


def test_a_training_that_cannot_begin_is_a_sentence_and_a_fault_says_nothing_of_the_server(session):
    def refuse(*_):
        raise UserError("the server trains for others already; try again later")

    def fail(*_):
        raise RuntimeError("/home/someone/secret")

    (refused,) = trained(Heard(refuse), session)
    assert (refused.kind, "trains for others" in refused.sentence) == ("user", True)
    client = Heard(fail)
    (failed,) = trained(client, session)
    assert failed.kind == "fault"
    assert "secret" not in failed.sentence
    assert not client.open


def test_a_client_that_leaves_ends_no_training(session, tmp_path):
    run = Run(tmp_path, [])
    run.listen = lambda _take: None

    async def leave():
        task = asyncio.create_task(
            Streams(Heard(lambda *_: run)).train(
                session, FineTune(id=1, job=JOB, classes={"1": "a"}, slices=1)
            )
        )
        while not hasattr(run, "begun"):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run.listen = lambda _take: setattr(run, "begun", True)
    asyncio.run(leave())
    assert run.ignored
    assert not run.ended.is_set()
