"""What the window that started a training asks of it, line by line."""

from __future__ import annotations

import threading
from typing import IO

PAUSE, RESUME, STOP = "pause", "resume", "stop"


class Commands:
    """Listens on a thread of its own.

    Parameters
    ----------
    source
        Lines of commands. Its end means that nobody is there any more, as `STOP` does.
    """

    def __init__(self, source: IO[str]) -> None:
        self._stopped = threading.Event()
        self._may_run = threading.Event()
        self._may_run.set()
        self._thread = threading.Thread(target=self._listen, args=(source,), daemon=True)
        self._thread.start()

    @property
    def stopped(self) -> bool:
        """Whether the training is to end."""
        return self._stopped.is_set()

    @property
    def paused(self) -> bool:
        """Whether it is to wait."""
        return not self._may_run.is_set()

    def wait(self) -> None:
        """Wait until it may run, or is to end."""
        self._may_run.wait()

    def _listen(self, source: IO[str]) -> None:
        for line in source:
            self._obey(line.strip())
        self._obey(STOP)

    def _obey(self, command: str) -> None:
        if command == PAUSE:
            self._may_run.clear()
        if command == STOP:
            self._stopped.set()
        if command in (RESUME, STOP):
            self._may_run.set()
