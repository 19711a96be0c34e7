"""Servers for tests: one in a process of its own, and one on a thread, both with a tiny network of random weights."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_scsam.remote.connection import Connection

TOKEN = "a token for tests alone"  # noqa: S105  # of no server but those of tests
PYTHON_OF_SERVER = "SCSAM_TEST_SERVER_PYTHON"
"""Names the Python of servers, for tests of a client whose own Python has no torch."""

TINY = "tiny"
"""Name of the checkpoint that these servers offer."""


def write_tiny(folder: Path, model) -> Path:
    """Write a network as the checkpoint that servers offer."""
    from napari_scsam.checkpoints.checkpoint import save_checkpoint

    save_checkpoint(folder / f"{TINY}.safetensors", model, summary="", licence="none", training={})
    return folder


@contextmanager
def served_in_a_process(
    folder: Path, *options: str, port: int = 0
) -> Iterator[tuple[str, subprocess.Popen]]:
    """Run ``scsam serve``; yields its address and its process."""
    # A server of the whole session begins before the settings of a single test do.
    own = {"SCSAM_SERVER_TOKEN": TOKEN, "OMP_NUM_THREADS": "1", "NAPARI_SCSAM_CACHE_GB": "0"}
    environment = {**os.environ, **own}
    process = subprocess.Popen(
        [
            os.environ.get(PYTHON_OF_SERVER, sys.executable),
            "-m",
            "napari_scsam.cli",
            "serve",
            "--port",
            str(port),
            "--device",
            "cpu",
            "--checkpoints",
            str(folder),
            *options,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def served_on_a_thread(settings) -> Iterator[tuple[str, object]]:
    """Run a server on a thread; yields its address and its application."""
    # A client that has no torch has no server either; it runs the one above by another Python.
    import uvicorn

    from napari_scsam.server.app import make_app
    from napari_scsam.server.serving import Listening, make_config, open_socket

    listening = Listening(port=0)
    app = make_app(settings)
    with open_socket(listening) as sock:
        server = uvicorn.Server(make_config(app, listening))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"ws://127.0.0.1:{sock.getsockname()[1]}", app
        finally:
            server.should_exit = True
            thread.join(20)


@contextmanager
def line_to(address: str, token: str = TOKEN, **options) -> Iterator[Connection]:
    """A line that is open."""
    line = Connection(address, token, **options)
    line.open(60)
    try:
        yield line
    finally:
        line.close()
