"""Sparing Python's garbage collector what stays anyway.

With torch imported, a pass over all objects holds the window for half a second, and napari makes
one whenever a layer leaves the viewer: after every region drawn, line cut or prompt put away.
So what is there once the network is loaded is set aside, and taken back when a layer
that is among it leaves, so that its memory is freed.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.utils.events import Event

    from napari_scsam.gui.session import Session


class Garbage:
    """What is set aside for one session; made by ``session.part(Garbage)``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._layers: WeakSet[Layer] | None = None
        """The layers that are set aside; None when nothing is."""
        session.ended.connect(self._end)
        if session.viewer is not None:
            session.viewer.layers.events.removing.connect(self._on_removing)

    def set_aside(self) -> None:
        """Look through nothing any more that is there now."""
        if self._session.viewer is not None:
            self._layers = WeakSet(self._session.viewer.layers)
            gc.freeze()

    def take_back(self) -> None:
        """Look through everything again."""
        self._layers = None
        gc.unfreeze()

    def _end(self) -> None:
        self.take_back()
        if self._session.viewer is not None:
            self._session.viewer.layers.events.removing.disconnect(self._on_removing)

    def _on_removing(self, event: Event) -> None:
        if self._layers is None:
            self._session.trickle(self._after_the_next_pass())
        elif event.source[event.index] in self._layers:
            self.take_back()

    def _after_the_next_pass(self) -> Generator[None, None, None]:
        """Set the rest aside again: the pass that comes with another layer that leaves has freed those that left before."""
        yield
        self.set_aside()
