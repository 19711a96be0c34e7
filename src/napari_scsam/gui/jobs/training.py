"""A training in a process of its own, as the window hears of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Qt, Signal

from napari_scsam.project.training_job import JOB_LOG, PICTURE
from napari_scsam.remote.address import TOKEN_VARIABLE

MODULE = "napari_scsam.train.finetune_process"
MODULE_THERE = "napari_scsam.remote.training_process"
"""For a training on a server."""


@dataclass(frozen=True)
class TrainingServer:
    """The server that trains."""

    address: str
    token: str = field(repr=False)
    checkpoint: str
    """Its name there, or the path of a file of this computer."""


class TrainingProcess(QObject):
    """Runs a job, and passes its messages on to the thread that made this object.

    The process ends by itself, with its state saved, when this object or the window goes.

    Parameters
    ----------
    folder
        Of the job.
    server
        That trains; None: this computer does.
    """

    heard = Signal(object)
    """A message: a dictionary with a ``"kind"``."""
    ended = Signal(int)
    """The exit status; below 0 when a signal killed it."""
    _posted = Signal(object)
    _left = Signal(int)

    def __init__(self, folder: Path, server: TrainingServer | None = None) -> None:
        super().__init__()
        self.folder = folder
        self.server = server
        self._posted.connect(self.heard, Qt.ConnectionType.QueuedConnection)
        self._left.connect(self.ended, Qt.ConnectionType.QueuedConnection)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the process, and a thread that reads what it writes."""
        with (self.folder / JOB_LOG).open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own module
                [sys.executable, "-m", *self._arguments()],
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
            )
        reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        reader.start()

    def _arguments(self) -> list[str]:
        if self.server is None:
            return [MODULE, str(self.folder)]
        return [MODULE_THERE, str(self.folder), self.server.address, self.server.checkpoint]

    def _environment(self) -> dict[str, str]:
        """Return the environment of the process; a token is not an argument, which others could see."""
        if self.server is None:
            return dict(os.environ)
        return {**os.environ, TOKEN_VARIABLE: self.server.token}

    @property
    def number(self) -> int | None:
        """The number of the process, while there is one."""
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.poll() is None

    def send(self, command: str) -> None:
        """Send a command, if there is still a process to take it."""
        if self._process is None or self._process.stdin is None:
            return
        with suppress(OSError, ValueError):
            self._process.stdin.write(f"{command}\n")
            self._process.stdin.flush()

    def leave(self) -> None:
        """Close the line to the process: it saves its state and ends."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def kill(self) -> None:
        """End the process at once; what it has written stays."""
        if self._process is not None:
            self._process.kill()

    def _read(self, process: subprocess.Popen[str]) -> None:
        """On a thread of its own: read messages until the process ends."""
        if process.stdout is not None:
            with process.stdout as lines:
                for line in lines:
                    self._pass_on(line)
        status = process.wait()
        self.leave()
        with suppress(RuntimeError):  # the window is gone
            self._left.emit(status)

    def _pass_on(self, line: str) -> None:
        try:
            message: dict[str, Any] = json.loads(line)
        except ValueError:  # cut off by a kill
            return
        if message.get("kind") == "picture":
            with suppress(OSError, ValueError):
                message["picture"] = np.load(self.folder / PICTURE, allow_pickle=False)
        with suppress(RuntimeError):
            self._posted.emit(message)
