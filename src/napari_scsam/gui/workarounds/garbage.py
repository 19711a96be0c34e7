"""Sparing Python's garbage collector what stays anyway.

With torch imported, a pass over all objects holds the window for half a second, and napari makes
one whenever a layer leaves the viewer: after every region drawn, line cut or prompt put away.
So what is there once the network is loaded is set aside, and taken back when a layer
that is among it leaves, so that its memory is freed.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.utils.events import Event
    from napari.viewer import Viewer
    from psygnal import SignalInstance


class Garbage:
    """What the garbage collector skips while one viewer is open.

    Parameters
    ----------
    viewer
        Kept weakly.
    ended
        Emitted when the work in this viewer is over.
    run_in_event_loop
        Runs the steps of a generator one by one, between events.
    """

    def __init__(
        self,
        viewer: Viewer,
        ended: SignalInstance,
        run_in_event_loop: Callable[[Generator[None, None, None]], None],
    ) -> None:
        self._viewer = weakref.ref(viewer)
        self._run_in_event_loop = run_in_event_loop
        self._layers: WeakSet[Layer] | None = None
        """The layers that are set aside; None when nothing is."""
        ended.connect(self._end)
        viewer.layers.events.removing.connect(self._on_removing)

    def set_aside(self) -> None:
        """Exclude all current objects from garbage collection."""
        if (viewer := self._viewer()) is not None:
            self._layers = WeakSet(viewer.layers)
            gc.freeze()

    def take_back(self) -> None:
        """Include all objects again."""
        self._layers = None
        gc.unfreeze()

    def _end(self) -> None:
        self.take_back()
        if (viewer := self._viewer()) is not None:
            viewer.layers.events.removing.disconnect(self._on_removing)

    def _on_removing(self, event: Event) -> None:
        if self._layers is None:
            self._run_in_event_loop(self._after_the_next_pass())
        elif event.source[event.index] in self._layers:
            self.take_back()

    def _after_the_next_pass(self) -> Generator[None, None, None]:
        """Set the rest aside again: the pass that comes with another layer that leaves has freed those that left before."""
        yield
        self.set_aside()
