"""What listens to a session and a viewer on behalf of a widget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Shared(Protocol):
    """What several widgets share: a session counts its widgets."""

    def attach(self) -> None:
        """Count one more widget."""

    def detach(self, *, window_is_gone: bool = False) -> None:
        """Count one widget less."""


class Links:
    """What listens to a session and a viewer on behalf of a widget, and ends with it."""

    def __init__(self, session: Shared) -> None:
        self._session: Shared | None = session
        self._pairs: list[tuple[Any, Callable[..., Any]]] = []
        session.attach()

    def add(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Connect a psygnal signal or a napari event."""
        signal.connect(slot)
        self._pairs.append((signal, slot))

    def cut(self, *_: object, window_is_gone: bool = False) -> None:
        """Disconnect everything and leave the session; again is free. `window_is_gone`: not the dock alone was closed."""
        for signal, slot in self._pairs:
            signal.disconnect(slot)
        self._pairs.clear()
        if self._session is not None:
            self._session.detach(window_is_gone=window_is_gone)
        self._session = None
