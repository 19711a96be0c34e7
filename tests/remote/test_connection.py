"""The line to a server: what a client hears when it is cut, and what becomes of its requests."""

from __future__ import annotations

import socket
import threading
import time

import numpy as np
import pytest
from served import TINY, TOKEN, line_to, served_in_a_process

from napari_scsam.errors import UserError
from napari_scsam.remote import connection
from napari_scsam.remote.connection import Connection
from napari_scsam.remote.line import Line
from napari_scsam.remote.predictor import RemotePredictor
from napari_scsam.steps import drive

IMAGE = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)


def wait_for(condition, seconds: float = 60.0) -> float:
    """Wait until something is true; returns the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.02)
    return time.monotonic() - began


def test_nobody_at_the_address_is_a_sentence_within_seconds():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        line = Connection(f"127.0.0.1:{taken.getsockname()[1]}", TOKEN)
        with pytest.raises(UserError, match="no server answers"):
            line.open(1.0)
    assert line.state.line is Line.CLOSED


def test_a_request_is_asked_again_after_a_cut_and_the_session_goes_on(server):
    states: list = []
    with line_to(server, on_state=lambda state: states.append(state.line)) as line:
        remote = RemotePredictor(line)
        drive(remote.load_steps(TINY))
        remote.set_image(IMAGE)
        before = remote.segment()
        session = line.session
        steps = remote.segment_steps(["vesicle"])
        line._cut()
        drive(steps)
        np.testing.assert_array_equal(remote.segment(), before)
        assert line.session == session  # the server still knew this client
        assert Line.LOST in states


def test_a_silent_line_is_known_as_cut_within_five_seconds(server):
    """As when a laptop sleeps: nothing ends the connection, and nothing comes."""
    said: list[str] = []
    with line_to(server, on_notice=said.append) as line:

        def nothing(timeout=None):
            time.sleep(min(timeout or 0.1, 0.1))
            raise TimeoutError

        line._socket.recv = nothing
        assert wait_for(lambda: said, 10) < 3
        assert said == [f"{line.address} has been silent for 2 seconds"]
        assert wait_for(lambda: line.state.line is not Line.CONNECTED, 10) < 3
        assert "cut" in line.state.sentence
        wait_for(lambda: line.state.line is Line.CONNECTED)


def test_a_killed_server_costs_nothing_that_was_taught(tiny_folder):
    strokes = np.zeros(IMAGE.shape, bool)
    strokes[10:14, 5:40] = True
    with served_in_a_process(tiny_folder) as (address, process), line_to(address) as line:
        remote = RemotePredictor(line)
        drive(remote.load_steps(TINY))
        remote.set_image(IMAGE)
        spec = remote.teach("granule", strokes, replace_earlier=True)
        before = remote.segment(["granule"])
        answer = remote.predict_prompts([[20, 20]], [1])
        refined = remote.predict_prompts([[20, 20], [40, 40]], [1, 0], masks=answer)
        process.kill()
        process.wait()
        assert wait_for(lambda: line.state.line is Line.LOST, 10) < 5
        port = int(address.rsplit(":", 1)[1])
        with served_in_a_process(tiny_folder, port=port):
            np.testing.assert_array_equal(remote.segment(["granule"]), before)
            again = remote.predict_prompts([[20, 20], [40, 40]], [1, 0], masks=answer)
            np.testing.assert_array_equal(again.masks, refined.masks)
            assert spec in remote.classes


def test_patience_ends_with_a_sentence(monkeypatch):
    monkeypatch.setattr(connection, "WAITS", (0.05,))
    line = Connection("127.0.0.1:9", TOKEN)
    said: list = []
    with pytest.raises(UserError, match="no server answers"):
        drive(
            RemotePredictor(line, patience=1.0).load_steps(TINY),
            lambda step: said.append(step.what),
        )
    line.close()
    assert said
    assert not [t for t in threading.enumerate() if t.name == "scsam-line"]
