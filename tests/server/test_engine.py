"""What all clients of a server share: failures in sentences, and memory that runs out."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.remote.line import NeedPixelsError, StateLostError
from napari_scsam.server import engine as engines
from napari_scsam.server.engine import FAULT, HANDLERS, ServerEngine, failure
from napari_scsam.server.session import ClientSession
from napari_scsam.server.sessions import Sessions
from napari_scsam.server.settings import Limits, ServerSettings

PIXELS = np.zeros((8, 8), np.uint8)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UserError("do this"), "user"),
        (StateLostError("it was dropped"), "lost"),
        (NeedPixelsError(("0" * 32,)), "need_pixels"),
        (MemoryError("17 GB at /home/someone"), "user"),
        (KeyError("/home/someone"), "fault"),
    ],
)
def test_a_failure_says_what_to_do_and_nothing_of_the_server(error, kind, caplog):
    with caplog.at_level(logging.WARNING):
        failed = failure(7, error, ClientSession())
    assert (failed.id, failed.kind) == (7, kind)
    assert "/home" not in failed.sentence
    assert bool(caplog.records) == isinstance(error, (MemoryError, KeyError))


def test_a_fault_is_in_the_log_with_its_traceback_and_without_the_key_of_the_session(caplog):
    session = ClientSession()
    with caplog.at_level(logging.ERROR):
        assert failure(1, KeyError("broken"), session).sentence == FAULT
    assert "broken" in caplog.text
    assert session.name in caplog.text
    assert session.key not in caplog.text


@pytest.mark.parametrize(("kind", "name"), [(UserError, "user"), (DamagedPartError, "damaged")])
def test_a_sentence_that_is_far_too_long_is_cut(kind, name):
    failed = failure(1, kind("x" * 10_000), ClientSession())
    assert (failed.kind, len(failed.sentence)) == (name, 4000)


@pytest.fixture
def engine():
    """An engine with two sessions, and neither a network nor a queue."""

    class Bare(ServerEngine):
        def __init__(self) -> None:
            self.sessions = Sessions(Limits())
            self.device = SimpleNamespace(type="cpu")
            self.on_notice = {}

    return Bare()


def test_memory_that_runs_out_costs_others_what_they_can_send_again_and_they_hear_of_it(engine):
    mine, other = engine.sessions.begin("")[0], engine.sessions.begin("")[0]
    for session in (mine, other):
        session.put("0" * 32, PIXELS)
    heard: list = []
    engine.on_notice[other] = heard.append
    work = SimpleNamespace(client=mine)
    assert engine._recover(work, MemoryError())
    assert not other.pixels
    assert mine.pixels
    assert [each.type for each in heard] == ["notice"]
    assert not engine._recover(work, MemoryError())  # nothing is left to drop
    assert len(heard) == 1


def test_another_error_costs_nobody_anything(engine):
    mine, other = engine.sessions.begin("")[0], engine.sessions.begin("")[0]
    other.put("0" * 32, PIXELS)
    assert not engine._recover(SimpleNamespace(client=mine), ValueError("shape"))
    assert other.pixels


def test_what_nobody_looks_at_waits_for_clicks(engine):
    from napari_scsam.remote.asked import Embed, Segment
    from napari_scsam.remote.parts import SliceRef

    engine.settings = ServerSettings("token")
    ref = SliceRef(pixels="0" * 32)
    session = ClientSession()
    assert engine.work_for(session, Segment(id=1, slice=ref)).urgent
    assert not engine.work_for(session, Embed(id=1, slice=ref)).urgent
    assert set(engines.BACKGROUND) <= set(HANDLERS)


def test_settings_that_are_logged_hold_no_token():
    assert "secret" not in repr(ServerSettings("secret"))
