"""The line to a server as the window hears of it, and what must not hold up the window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal

from napari_scsam.config import UserError
from napari_scsam.remote.connection import Connection


class ServerLine(QObject):
    """A line to a server, whose news come to the thread that made it.

    Parameters
    ----------
    address, token
        As those of `Connection`.

    Raises
    ------
    UserError
        When the address is none.
    """

    changed = Signal(object)
    """A `LineState`."""
    noticed = Signal(str)
    """A sentence that the server has for the user."""
    _posted = Signal(object)
    _told = Signal(str)

    def __init__(self, address: str, token: str) -> None:
        super().__init__()
        self.token = token
        self.connection = Connection(address, token, self._post, self._tell)
        self._posted.connect(self.changed, Qt.ConnectionType.QueuedConnection)
        self._told.connect(self.noticed, Qt.ConnectionType.QueuedConnection)

    @property
    def address(self) -> str:
        """Where the server listens, e.g. ``"wss://gpu.lab.org"``."""
        return str(self.connection.address)

    @property
    def host(self) -> str:
        """The computer of the server."""
        return self.connection.address.host

    def leave(self) -> None:
        """End the line for good, without waiting for it."""
        self.changed.disconnect()
        self.noticed.disconnect()
        threading.Thread(target=self.connection.end, name="scsam-leave", daemon=True).start()

    def _post(self, state: object) -> None:
        with suppress(RuntimeError):  # the window is gone
            self._posted.emit(state)

    def _tell(self, sentence: str) -> None:
        with suppress(RuntimeError):
            self._told.emit(sentence)


class Aside(QObject):
    """Runs a function on a thread of its own, and passes on what it returns.

    For what may wait for a computer that is away, or for the system's keyring.
    """

    _done = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._done.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(self, function: Callable[[], Any], receiver: Callable[[Any], object]) -> None:
        """Run a function; the receiver gets its result, or the `UserError` that it raised."""
        threading.Thread(
            target=self._run, args=(function, receiver), name="scsam-aside", daemon=True
        ).start()

    def _run(self, function: Callable[[], Any], receiver: Callable[[Any], object]) -> None:
        try:
            result = function()
        except UserError as error:
            result = error
        with suppress(RuntimeError):  # the window is gone
            self._done.emit(receiver, result)

    def _deliver(self, receiver: Callable[[Any], object], result: Any) -> None:
        receiver(result)
