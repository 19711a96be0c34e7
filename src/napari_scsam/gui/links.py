"""Connections of a widget to its session and viewer, which end with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Shared(Protocol):
    """Something that several widgets share, and that counts them."""

    def attach(self) -> None:
        """Count one more widget."""

    def detach(self, *, window_is_gone: bool = False) -> None:
        """Count one widget less."""


class Links:
    """The connections of one widget."""

    def __init__(self, session: Shared) -> None:
        self._session: Shared | None = session
        self._pairs: list[tuple[Any, Callable[..., Any]]] = []
        session.attach()

    def add(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Connect a psygnal signal or a napari event."""
        signal.connect(slot)
        self._pairs.append((signal, slot))

    def cut(self, *_: object, window_is_gone: bool = False) -> None:
        """Disconnect everything and leave the session; a second call does nothing.

        Parameters
        ----------
        window_is_gone
            Whether the window was closed, and not only the dock.
        """
        for signal, slot in self._pairs:
            signal.disconnect(slot)
        self._pairs.clear()
        if self._session is not None:
            self._session.detach(window_is_gone=window_is_gone)
        self._session = None
