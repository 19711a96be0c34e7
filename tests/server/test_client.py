"""One connection: what is taken from a client, what it is sent, and what is left when it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect

from napari_scsam.config import UserError
from napari_scsam.remote.answered import CheckpointList, Done, Welcome
from napari_scsam.remote.arrays import pack
from napari_scsam.remote.asked import (
    Beat,
    Cancel,
    Embed,
    Hello,
    ListCheckpoints,
    PutPixels,
    TrainingCommand,
)
from napari_scsam.remote.frames import Joiner, split_frames
from napari_scsam.remote.parts import SliceRef
from napari_scsam.remote.protocol import VERSION, decode_from_server, encode
from napari_scsam.remote.remote_slice import hash_of
from napari_scsam.server.client import Client
from napari_scsam.server.engine import ServerEngine
from napari_scsam.server.pacing import Incoming
from napari_scsam.server.sessions import Sessions
from napari_scsam.server.settings import Limits
from napari_scsam.server.work_queue import QueuedWork
from napari_scsam.steps import Progress

LIMITS = Limits(
    sessions=2,
    message_bytes=2**16,
    pixels=100,
    memory_bytes=10_000,
    open_requests=2,
    hello_seconds=0.2,
    silence_seconds=0.2,
)
HELLO = Hello(version=VERSION)
SLICE = SliceRef(pixels="0" * 32)


class Socket:
    """A line whose other end is a list of messages; it ends when they are all taken.

    Parameters
    ----------
    messages
        Messages, whole frames, errors that receiving raises, and functions that are called.
    """

    def __init__(self, *messages) -> None:
        self.waiting = list(messages)
        self.sent: list = []
        self.closed: list[int] = []
        self.joiner = Joiner(2**20)

    async def receive_bytes(self) -> bytes:
        while self.waiting:
            await asyncio.sleep(0.01)
            first = self.waiting.pop(0)
            if isinstance(first, Callable):
                first()
                continue
            if isinstance(first, Exception):
                raise first
            if isinstance(first, bytes):
                return first
            return b"".join(split_frames(encode(first)))
        await asyncio.sleep(0.05)
        raise WebSocketDisconnect

    async def send_bytes(self, frame: bytes) -> None:
        message = self.joiner.add(frame)
        if message is not None:
            self.sent.append(decode_from_server(message))

    async def close(self, code: int) -> None:
        self.closed.append(code)

    def kinds(self) -> list[str]:
        return [each.type for each in self.sent]


class Queue:
    """Work that tests end themselves."""

    def __init__(self) -> None:
        self.work: list[QueuedWork] = []
        self.cancelled: list[QueuedWork] = []

    def submit(self, work: QueuedWork) -> None:
        self.work.append(work)

    def cancel(self, work: QueuedWork) -> None:
        self.cancelled.append(work)


class Engine:
    """What a connection needs of an engine."""

    def __init__(self) -> None:
        self.settings = SimpleNamespace(limits=LIMITS)
        self.sessions = Sessions(LIMITS)
        self.on_notice: dict = {}
        self.device = "cpu"
        self.queue = Queue()

    def work_for(self, session, _request) -> QueuedWork:
        return QueuedWork(session, lambda: iter(()))

    put_pixels = ServerEngine.put_pixels

    def checkpoints(self, request) -> CheckpointList:
        if request.id == 13:
            raise UserError("the folder of checkpoints is gone; mount it again")
        return CheckpointList(id=request.id, checkpoints=())

    def session(self):
        """The only session."""
        (session,) = self.sessions
        return session


def talked(*messages, engine: Engine | None = None) -> Socket:
    """Talk to a client that says these messages and leaves."""
    socket = Socket(*messages)

    async def talk() -> None:
        await Client(socket, engine or Engine(), Incoming(2**20)).talk()

    asyncio.run(talk())
    return socket


def put_of(pixels: np.ndarray, number: int = 1, digest: str | None = None) -> PutPixels:
    return PutPixels(id=number, pixels=digest or hash_of(pixels), array=pack(pixels))


def test_a_hello_is_answered_by_a_welcome_with_a_key_that_resumes_the_session_once():
    engine = Engine()
    (welcome,) = talked(HELLO, engine=engine).sent
    assert isinstance(welcome, Welcome)
    assert (welcome.version, welcome.device, welcome.resumed) == (VERSION, "cpu", False)
    assert (welcome.most_pixels, welcome.idle_minutes) == (100, 10.0)
    again = HELLO.model_copy(update={"session": welcome.session})
    (second,) = talked(again, engine=engine).sent
    assert second.resumed
    assert second.session != welcome.session
    (third,) = talked(again, engine=engine).sent
    assert not third.resumed


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([Beat()], "its first message is not a hello"),
        ([Hello(version=VERSION + 1)], f"version {VERSION + 1} of the protocol"),
        ([KeyError("bytes")], "not a frame"),
        ([HELLO, HELLO], "'hello' makes no sense here"),
        ([HELLO, ListCheckpoints(id=3), ListCheckpoints(id=3)], "the id of a request twice"),
        ([HELLO, ListCheckpoints(id=3), ListCheckpoints(id=2)], "the id of a request twice"),
    ],
)
def test_a_client_that_breaks_the_protocol_is_refused_with_the_reason(messages, why):
    socket = talked(*messages)
    assert socket.sent[-1].type == "refused"
    assert why in socket.sent[-1].sentence
    assert socket.closed == [1008]


def test_a_client_too_many_is_refused_and_one_that_left_makes_room():
    engine = Engine()
    first, _ = engine.sessions.begin("")
    second, _ = engine.sessions.begin("")
    assert "too many clients" in talked(HELLO, engine=engine).sent[-1].sentence
    engine.sessions.leave(second)
    assert talked(HELLO, engine=engine).kinds() == ["welcome"]
    assert first in list(engine.sessions)


def test_a_client_that_says_nothing_is_closed_without_a_word():
    socket = Socket(lambda: None)

    async def silent() -> bytes:
        await asyncio.sleep(9)
        raise AssertionError

    socket.receive_bytes = silent

    async def talk() -> None:
        await Client(socket, Engine(), Incoming(2**20)).talk()

    asyncio.run(talk())
    assert socket.sent == []
    assert socket.closed == [1008]


def test_pixels_are_kept_in_the_session():
    engine = Engine()
    pixels = np.arange(100, dtype=np.uint16).reshape(10, 10)
    assert talked(HELLO, put_of(pixels), engine=engine).kinds() == ["welcome", "done"]
    np.testing.assert_array_equal(engine.session().pixels[hash_of(pixels)], pixels)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (put_of(np.zeros((10, 11), np.uint8)), "at most"),
        (put_of(np.zeros((2, 3, 4), np.uint8)), "two axes"),
        (put_of(np.zeros((2, 3), np.uint8), digest="0" * 32), "arrived damaged"),
    ],
)
def test_pixels_that_are_too_many_or_damaged_are_refused_and_the_client_goes_on(request_, why):
    engine = Engine()
    socket = talked(HELLO, request_, ListCheckpoints(id=2), engine=engine)
    assert sorted(socket.kinds()) == ["checkpoints", "failed", "welcome"]
    failed = next(each for each in socket.sent if each.type == "failed")
    assert failed.kind == "user"
    assert why in failed.sentence
    assert not engine.session().pixels


def test_what_an_answer_beside_the_device_raises_is_a_sentence():
    failed = talked(HELLO, ListCheckpoints(id=13)).sent[-1]
    assert (failed.id, failed.kind) == (13, "user")
    assert failed.sentence.startswith("the folder of checkpoints is gone")


def test_work_is_answered_once_with_its_steps_before():
    engine = Engine()

    def answer() -> None:
        (work,) = engine.queue.work
        work.on_step(Progress(1, 2, "x" * 5000))
        work.on_end(lambda: Done(id=1), None)
        work.on_end(lambda: Done(id=1), None)

    socket = talked(HELLO, Embed(id=1, slice=SLICE), answer, engine=engine)
    assert socket.kinds() == ["welcome", "progress", "done"]
    assert (socket.sent[1].done, socket.sent[1].total) == (1, 2)
    assert len(socket.sent[1].what) == 4000


def test_work_that_fails_or_whose_result_cannot_be_written_is_a_sentence():
    engine = Engine()

    def refuse():
        raise UserError("give a smaller slice")

    def answer() -> None:
        first, second = engine.queue.work
        first.on_end(None, UserError("there are no classes; load others"))
        second.on_end(refuse, None)

    requests = (Embed(id=1, slice=SLICE), Embed(id=2, slice=SLICE))
    socket = talked(HELLO, *requests, answer, lambda: None, engine=engine)
    failed = {each.id: each.sentence for each in socket.sent if each.type == "failed"}
    assert failed == {1: "there are no classes; load others", 2: "give a smaller slice"}


def test_cancelled_work_is_taken_out_of_the_queue_and_not_answered():
    engine = Engine()

    def answer() -> None:
        engine.queue.work[0].on_end(lambda: Done(id=1), None)

    messages = (Embed(id=1, slice=SLICE), Cancel(target=1), Cancel(target=99), answer)
    socket = talked(HELLO, *messages, lambda: None, engine=engine)
    assert engine.queue.cancelled == engine.queue.work
    assert socket.kinds() == ["welcome"]


def test_a_request_too_many_is_busy_and_the_others_stay_open():
    engine = Engine()
    requests = [Embed(id=number, slice=SLICE) for number in (1, 2, 3)]
    failed = talked(HELLO, *requests, engine=engine).sent[-1]
    assert (failed.id, failed.kind) == (3, "busy")
    assert len(engine.queue.work) == 2


def test_who_leaves_needs_no_answers_and_its_session_waits_for_it():
    engine = Engine()
    noticed = []

    def look() -> None:
        noticed.extend(engine.on_notice)

    talked(HELLO, Embed(id=1, slice=SLICE), look, engine=engine)
    assert noticed == [engine.session()]
    assert engine.on_notice == {}
    assert engine.queue.cancelled == engine.queue.work
    assert engine.session().left is not None


def test_a_command_reaches_every_training_of_the_session():
    engine = Engine()
    heard = []

    def train() -> None:
        engine.session().trainings["mine"] = SimpleNamespace(send=heard.append)

    talked(HELLO, train, TrainingCommand(target=1, command="pause"), engine=engine)
    assert heard == ["pause"]


def test_a_client_that_reads_too_slowly_is_closed():
    engine = Engine()
    engine.settings.limits = SimpleNamespace(**{**vars(LIMITS), "outgoing_bytes": 10})

    def notice() -> None:
        for post in engine.on_notice.values():
            post(Done(id=1))

    socket = talked(HELLO, notice, lambda: None, engine=engine)
    assert 1008 in socket.closed
