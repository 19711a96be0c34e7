"""What a client tells a server again: the network after a cut, pixels that it lacks."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, TaughtClass, UserError
from napari_scsam.remote import session as sessions
from napari_scsam.remote.asked import Load, PutPixels, Segment
from napari_scsam.remote.line import LineLostError, NeedPixelsError, StateLostError
from napari_scsam.remote.remote_slice import remote_slice
from napari_scsam.remote.session import MOST_PUTS, RemoteSession
from napari_scsam.steps import drive

SLICE = remote_slice(np.arange(12, dtype=np.uint8).reshape(3, 4), None, None, None, "")
GRANULE = TaughtClass(ClassSpec(9, "Granule"), (0.5,), "text")


class Server:
    """Answers as written, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list = []
        self.failures: dict[type, list] = {}

    def answer(self, _line, request, _take=None):
        yield from ()
        self.asked.append(request)
        failures = self.failures.get(type(request), [])
        if failures:
            failure = failures.pop(0)
            if failure is not None:
                failure()
        return SimpleNamespace(request=request)

    @property
    def kinds(self) -> list[str]:
        return [each.type for each in self.asked]


@pytest.fixture
def server(monkeypatch):
    server = Server()
    monkeypatch.setattr(sessions, "answer_steps", server.answer)
    monkeypatch.setattr(sessions, "connected_steps", lambda *_: iter(()))
    return server


@pytest.fixture
def client(server):
    return RemoteSession(SimpleNamespace(session=1))


def throw(error: Exception):
    """A function that raises an error."""

    def call() -> None:
        raise error

    return call


def segment() -> Segment:
    return Segment(id=0, slice=SLICE.ref)


def test_pixels_are_sent_once(client, server):
    drive(client.load_steps("tiny", ()))
    for _ in range(3):
        drive(client.ask_steps(segment, [SLICE]))
    assert server.kinds == ["load", "put_pixels", "segment", "segment", "segment"]


def test_pixels_that_the_server_dropped_are_sent_again(client, server):
    drive(client.ask_steps(segment, [SLICE]))
    server.failures[Segment] = [throw(NeedPixelsError((SLICE.ref.pixels,)))]
    drive(client.ask_steps(segment, [SLICE]))
    assert server.kinds[2:] == ["segment", "put_pixels", "segment"]


def test_a_server_that_never_keeps_them_is_given_up_with_a_sentence(client, server):
    server.failures[Segment] = [throw(NeedPixelsError((SLICE.ref.pixels,)))] * 100
    with pytest.raises(UserError, match="too little memory"):
        drive(client.ask_steps(segment, [SLICE]))
    assert server.kinds.count("put_pixels") == MOST_PUTS + 1


def test_a_new_session_hears_first_of_the_network_its_classes_and_the_pixels(client, server):
    drive(client.load_steps("tiny", [GRANULE]))
    drive(client.ask_steps(segment, [SLICE]))
    server.asked.clear()

    def cut() -> None:
        client.line.session += 1
        raise LineLostError

    server.failures[Segment] = [cut]
    drive(client.ask_steps(segment, [SLICE]))
    assert server.kinds == ["segment", "load", "put_pixels", "segment"]
    load = next(each for each in server.asked if isinstance(each, Load))
    assert load.checkpoint == "tiny"
    assert [each.taught() for each in load.taught] == [GRANULE]


def test_a_session_that_goes_on_hears_the_request_alone(client, server):
    drive(client.load_steps("tiny", ()))
    drive(client.ask_steps(segment, [SLICE]))
    server.asked.clear()
    server.failures[Segment] = [throw(LineLostError())] * 3
    drive(client.ask_steps(segment, [SLICE]))
    assert server.kinds == ["segment"] * 4


def test_pixels_whose_sending_was_cut_count_as_not_sent(client, server):
    server.failures[PutPixels] = [throw(LineLostError())]
    drive(client.ask_steps(segment, [SLICE]))
    assert server.kinds == ["put_pixels", "put_pixels", "segment"]


def test_a_checkpoint_that_cannot_be_loaded_leaves_the_one_before(client, server):
    drive(client.load_steps("tiny", [GRANULE]))
    server.failures[Load] = [throw(UserError("there is no such checkpoint"))]
    with pytest.raises(UserError):
        drive(client.load_steps("another", ()))
    assert list(client.taught) == ["granule"]
    client.line.session += 1
    drive(client.ask_steps(segment, [SLICE]))
    loads = [each for each in server.asked if isinstance(each, Load)]
    assert loads[-1].checkpoint == "tiny"


def test_state_that_was_lost_is_for_the_caller_to_mend(client, server):
    server.failures[Segment] = [throw(StateLostError("dropped"))]
    with pytest.raises(StateLostError):
        drive(client.ask_steps(segment))
    assert server.kinds == ["segment"]
