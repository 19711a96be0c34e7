"""What a window asks of a training."""

from __future__ import annotations

import os
import threading

from napari_scsam.train.commands import Commands


def wait_until(check) -> None:
    for _ in range(500):
        if check():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never became true")


def test_it_pauses_and_resumes_and_stops():
    out, into = os.pipe()
    with os.fdopen(out) as source, os.fdopen(into, "w", buffering=1) as window:
        commands = Commands(source)
        assert not commands.paused
        assert not commands.stopped
        window.write("pause\n")
        wait_until(lambda: commands.paused)
        window.write("something else\nresume\n")
        wait_until(lambda: not commands.paused)
        window.write("pause\nstop\n")
        wait_until(lambda: commands.stopped)
        assert not commands.paused, "what is stopped does not wait"
        commands.wait()
        window.close()
        commands._thread.join(5)


def test_it_stops_when_the_window_is_gone():
    out, into = os.pipe()
    os.write(into, b"pause\n")
    os.close(into)
    with os.fdopen(out) as source:
        commands = Commands(source)
        wait_until(lambda: commands.stopped)
        assert not commands.paused
