"""Keep long-lived objects out of Python's garbage collection.

With torch imported, a pass over all objects blocks the window for half a second. napari makes one
whenever a layer is removed: after every region, line cut or prompt. So the objects that exist once
the network is loaded are excluded. They are included again when one of their layers is removed, so
that its memory is freed.
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
    """The objects that the garbage collector skips while one viewer is open.

    Parameters
    ----------
    viewer
        Kept weakly.
    ended
        Emitted when the session of this viewer ends.
    run_in_event_loop
        Runs the steps of a generator, one per turn of the event loop.
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
        """The layers among the excluded objects; None when nothing is excluded."""
        ended.connect(self._end)
        viewer.layers.events.removing.connect(self._on_removing)

    def set_aside(self) -> None:
        """Exclude all current objects from garbage collection."""
        viewer = self._viewer()
        if viewer is not None:
            self._layers = WeakSet(viewer.layers)
            gc.freeze()

    def take_back(self) -> None:
        """Include all objects again."""
        self._layers = None
        gc.unfreeze()

    def _end(self) -> None:
        if self._layers is not None:
            self.take_back()
        viewer = self._viewer()
        if viewer is not None:
            viewer.layers.events.removing.disconnect(self._on_removing)

    def _on_removing(self, event: Event) -> None:
        if self._layers is None:
            self._run_in_event_loop(self._after_the_next_pass())
        elif event.source[event.index] in self._layers:
            self.take_back()

    def _after_the_next_pass(self) -> Generator[None, None, None]:
        """Exclude the rest again: the pass after the next removal has freed the removed layers."""
        yield
        self.set_aside()
