"""What is in hand in a viewer: one thing at a time, be it an object tool, a line or rectangle being drawn, or the prompts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_scsam.gui.session import Session

PAN_ZOOM = "pan_zoom"


class Hand:
    """Holds one thing, and lays it down for the next; made by ``session.part(Hand)``."""

    changed = Signal()
    """Another thing in hand, or none."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.thing = ""
        """Name of what is in hand; empty for nothing."""
        self._put_away: Callable[[], object] = lambda: None
        self._home: Layer | None = None
        self._modes: set[str] = set()
        self._words = ""
        session.ended.connect(self._on_ended)

    def take(self, thing: str, put_away: Callable[[], object], home: Layer | None = None) -> None:
        """Take a thing in hand; what was in it before is laid down.

        Parameters
        ----------
        thing
            Its name.
        put_away
            Called when it is laid down.
        home
            The active layer, if it is used in that alone: then Esc there, another of napari's modes and another layer lay it down.
        """
        self.empty()
        self.thing = thing
        self._put_away = put_away
        if home is not None:
            self._watch(home)
        self.changed.emit()

    def empty(self) -> str:
        """Lay down what is in hand, and take back what was said of it; give its name, so that a second press can end what a first began."""
        thing = self.thing
        self.thing = ""
        if thing:
            self._watch_no_more()
            self._put_away()
            self.unsay()
            self.changed.emit()
        return thing

    def let_go(self, thing: str) -> None:
        """Lay a thing down, if that is what is in hand."""
        if self.thing == thing:
            self.empty()

    def say(self, words: str) -> None:
        """Say something that holds only while this is in hand."""
        self._words = words
        self._session.status.emit(words)

    def unsay(self) -> None:
        """Take back what was said last, if it is still shown."""
        self._session.unsaid.emit(self._words)
        self._words = ""

    def _watch(self, home: Layer) -> None:
        """Lay the thing down when its layer is left; Space, which moves the picture in any mode, is no other mode."""
        self._home = home
        self._modes = {str(home.mode), PAN_ZOOM}
        home.bind_key("Escape", lambda _: self.empty(), overwrite=True)
        home.events.mode.connect(self._leave_soon)
        if (viewer := self._session.viewer) is not None:
            viewer.layers.selection.events.active.connect(self._leave_soon)

    def _watch_no_more(self) -> None:
        home = self._home
        self._home = None
        if home is None:
            return
        home.bind_key("Escape", None)
        home.events.mode.disconnect(self._leave_soon)
        if (viewer := self._session.viewer) is not None:
            viewer.layers.selection.events.active.disconnect(self._leave_soon)

    def _leave_soon(self) -> None:
        """Look whether the layer was left once napari is done with the event: its list breaks when a layer goes during a click in it."""
        QTimer.singleShot(0, self._leave)

    def _leave(self) -> None:
        viewer = self._session.viewer
        home = self._home
        if viewer is None or home is None:
            return
        if viewer.layers.selection.active is not home or str(home.mode) not in self._modes:
            self.empty()

    def _on_ended(self) -> None:
        if self._session.window_is_gone:
            self.thing = ""
            self._home = None
        else:  # the dock was closed: layers and keys would do nothing any more
            self.empty()
