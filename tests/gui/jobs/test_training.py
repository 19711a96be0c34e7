"""A training in a process of its own."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.gui.jobs import training
from napari_scsam.gui.jobs.training import TrainingProcess

HELPERS = Path(__file__).resolve().parents[2] / "helpers"


@pytest.fixture
def started(tmp_path, monkeypatch, qtbot):
    """Start a process that does as it is told; gives it, what it said, and how it ended."""
    monkeypatch.setattr(training, "MODULE", "fake_training")
    monkeypatch.setenv("PYTHONPATH", str(HELPERS))
    made = []

    def start(what):
        monkeypatch.setenv("FAKE_TRAINING", what)
        process = TrainingProcess(tmp_path)
        said, ended = [], []
        process.heard.connect(lambda message: said.append((message, threading.current_thread())))
        process.ended.connect(ended.append)
        process.start()
        made.append(process)
        return process, said, ended

    yield start
    for process in made:
        process.kill()
        qtbot.waitUntil(lambda process=process: not process.running, timeout=10_000)


def test_messages_arrive_on_the_main_thread_in_order(started, qtbot):
    process, said, ended = started("nothing more")
    qtbot.waitUntil(lambda: bool(ended), timeout=20_000)
    assert [message["kind"] for message, _ in said] == ["started", "step", "picture", "step"]
    assert {thread for _, thread in said} == {threading.main_thread()}
    np.testing.assert_array_equal(said[2][0]["picture"], np.full((32, 32, 3), 90, np.uint8))
    assert ended == [0]
    assert not process.running


def test_commands_arrive(started, qtbot, tmp_path):
    process, said, ended = started("waits")
    qtbot.waitUntil(lambda: len(said) == 4, timeout=20_000)
    process.send("pause")
    process.send("stop")
    qtbot.waitUntil(lambda: bool(ended), timeout=10_000)
    assert (tmp_path / "heard.log").read_text() == "pause stop"
    process.send("resume")  # nobody is there; nothing happens


def test_it_hears_that_the_window_is_gone(started, qtbot, tmp_path):
    process, said, ended = started("waits")
    qtbot.waitUntil(lambda: len(said) == 4, timeout=20_000)
    process.leave()
    qtbot.waitUntil(lambda: bool(ended), timeout=10_000)
    assert (tmp_path / "heard.log").read_text() == "gone"


def test_a_killed_process_has_a_status_below_zero(started, qtbot):
    _, _, ended = started("killed")
    qtbot.waitUntil(lambda: bool(ended), timeout=20_000)
    assert ended[0] < 0


def test_a_process_that_does_not_listen_can_be_killed(started, qtbot):
    process, said, ended = started("waits")
    qtbot.waitUntil(lambda: len(said) == 4, timeout=20_000)
    assert process.number is not None
    process.kill()
    qtbot.waitUntil(lambda: bool(ended), timeout=10_000)
    assert ended[0] < 0
