"""A timer that may outlive Qt.

Qt deletes its timers when the application ends. A script that quits after ``viewer.close()``,
without an event loop, still ends the session of that viewer then. To start or stop such a timer
raises ``RuntimeError: Internal C++ object already deleted`` in PySide6 6.x and PyQt6.
"""

from __future__ import annotations

from collections.abc import Callable

from qtpy.compat import isalive
from qtpy.QtCore import QCoreApplication, QTimer


class Timer:
    """Calls a function later; does nothing without an application, as in scripts.

    Parameters
    ----------
    call
        Called when the time is over.
    once
        Whether the call is the only one after each start.
    """

    def __init__(self, call: Callable[[], object], *, once: bool = True) -> None:
        self._timer = QTimer() if QCoreApplication.instance() is not None else None
        if self._timer is not None:
            self._timer.setSingleShot(once)
            self._timer.timeout.connect(call)

    def start(self, milliseconds: int) -> None:
        """Start, or start from the beginning."""
        timer = self._alive()
        if timer is not None:
            timer.start(milliseconds)

    def stop(self) -> None:
        """Call no more, until the next start."""
        timer = self._alive()
        if timer is not None:
            timer.stop()

    def is_active(self) -> bool:
        """Whether the call is to come."""
        timer = self._alive()
        return timer is not None and timer.isActive()

    def _alive(self) -> QTimer | None:
        """Return Qt's timer; None when there was none, or Qt has deleted it."""
        if self._timer is None or not isalive(self._timer):  # type: ignore[no-untyped-call]
            return None
        return self._timer
