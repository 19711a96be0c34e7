"""Drawing one rectangle on the slice shown, in a layer that is removed afterwards."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray

from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, geometry_of
from napari_scsam.gui.layers.drawing_layers import being_drawn, remove_slip
from napari_scsam.gui.layers.plane import camera_of, finest_step
from napari_scsam.gui.tools.canvas.active_tool import ActiveTool
from napari_scsam.gui.tools.undo import Undoing

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_scsam.gui.session import Session

COLOUR = "#ffd93b"
EDGE_PIXELS = 2
"""Width of the line on the screen."""


class RectangleTool:
    """Asks the user for a rectangle in the viewer of a session; one at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._name = ""
        self._layer: Shapes | None = None
        self._active_before: Layer | None = None
        self._done: Callable[[NDArray[np.float64]], object] = lambda _: None

    def ask(self, name: str, status: str, done: Callable[[NDArray[np.float64]], object]) -> None:
        """Ask for a rectangle, drawn by the next drag; Esc or asking again cancels.

        Parameters
        ----------
        name
            Of the layer that it is drawn in.
        status
            Shown until it is drawn.
        done
            Called with its four corners, 4 × axes, in pixels of the image.
        """
        viewer = self._session.viewer
        image = self._session.choices.image
        active_tool = self._session.part(ActiveTool)
        if viewer is None or image is None or active_tool.deactivate() == name:
            return
        self._name = name
        self._done = done
        self._active_before = viewer.layers.selection.active
        layer = viewer.add_layer(_rectangle_layer(viewer, image, name))
        self._layer = layer
        self._session.part(Undoing).reach_through(layer, lambda: self._session.labels)
        layer.mode = "add_rectangle"
        layer.events.data.connect(self._on_data)
        active_tool.activate(name, self._remove, layer)
        active_tool.show_status(status)

    def cancel(self) -> None:
        """Stop asking."""
        self._session.part(ActiveTool).deactivate_if(self._name)

    def _remove(self) -> None:
        """Remove the layer and select the one before, unless another was selected."""
        layer = self._layer
        self._layer = None
        viewer = self._session.viewer
        if layer is None or viewer is None or layer not in viewer.layers:
            return
        was_active = viewer.layers.selection.active is layer
        viewer.layers.remove(layer)
        if was_active and self._active_before in viewer.layers:
            viewer.layers.selection.active = self._active_before

    def _on_data(self, event: Event) -> None:
        if str(event.action).rsplit(".")[-1].lower() == "added":
            self._session.jobs.run_in_event_loop(self._finish_steps())

    def _finish_steps(self) -> Generator[None, None, None]:
        """Pass the rectangle on, after the mouse event."""
        yield
        layer = self._layer
        if layer is None or being_drawn(layer) or remove_slip(layer) or not len(layer.data):
            return
        corners = np.asarray(layer.data[-1], float)
        self.cancel()
        self._done(corners)


def _rectangle_layer(viewer: Viewer, image: Image, name: str) -> Shapes:
    return Shapes(
        ndim=image.ndim,
        name=name,
        edge_color=COLOUR,
        edge_width=EDGE_PIXELS / camera_of(viewer).zoom / finest_step(image),
        face_color="transparent",
        metadata={NOT_KEPT_KEY: True},
        **geometry_of(image),
    )
