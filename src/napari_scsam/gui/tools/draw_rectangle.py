"""Asking for one rectangle on the slice shown, in a layer that is gone when it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray

from napari_scsam.gui.layers.class_table import NOT_KEPT, place_of
from napari_scsam.gui.layers.plane import camera_of
from napari_scsam.gui.layers.prompt_layers import being_drawn, forget_slip
from napari_scsam.gui.tools.active_tool import Hand
from napari_scsam.gui.tools.undo import Undoing

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.utils.events import Event

    from napari_scsam.gui.session import Session

COLOUR = "#ffd93b"
WIDTH = 2
"""Of the line, on the screen."""


class AskedRectangle:
    """A rectangle that the user is asked for in the viewer of a session; one at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._name = ""
        self._layer: Shapes | None = None
        self._before: Layer | None = None
        self._done: Callable[[NDArray[np.float64]], object] = lambda _: None

    def ask(self, name: str, words: str, done: Callable[[NDArray[np.float64]], object]) -> None:
        """Let the next drag of the mouse draw it; Esc leaves it, and so does asking again.

        Parameters
        ----------
        name
            Of the layer that it is drawn in.
        words
            Said while it is asked for.
        done
            Takes its four corners, in pixels of the image.
        """
        viewer = self._session.viewer
        image = self._session.image
        hand = self._session.part(Hand)
        if viewer is None or image is None or hand.empty() == name:
            return
        self._name = name
        self._done = done
        self._before = viewer.layers.selection.active
        width = WIDTH / camera_of(viewer).zoom / min(image.scale)
        look = {
            "edge_color": COLOUR,
            "edge_width": width,
            "face_color": "transparent",
            "metadata": {NOT_KEPT: True},
        }
        layer = Shapes(ndim=image.ndim, name=name, **look, **place_of(image))
        self._layer = viewer.add_layer(layer)
        self._session.part(Undoing).reach_through(layer, lambda: self._session.labels)
        layer.mode = "add_rectangle"
        layer.events.data.connect(self._on_data)
        hand.take(name, self._put_away, layer)
        hand.say(words)

    def leave(self) -> None:
        """Ask for it no more."""
        self._session.part(Hand).let_go(self._name)

    def _put_away(self) -> None:
        """Take the layer away, and select the one that was active before, unless another was chosen."""
        layer = self._layer
        self._layer = None
        viewer = self._session.viewer
        if layer is not None and viewer is not None and layer in viewer.layers:
            drawn_in = viewer.layers.selection.active is layer
            viewer.layers.remove(layer)
            if drawn_in and self._before in viewer.layers:
                viewer.layers.selection.active = self._before

    def _on_data(self, event: Event) -> None:
        if str(event.action).rsplit(".")[-1].lower() == "added":
            self._session.run_in_event_loop(self._use())

    def _use(self) -> Generator[None, None, None]:
        """Return it on, once the mouse has let go of it."""
        yield
        layer = self._layer
        if layer is None or being_drawn(layer) or forget_slip(layer) or not len(layer.data):
            return
        corners = np.asarray(layer.data[-1], float)
        self.leave()
        self._done(corners)
