"""A tool taken in hand from the panel: the next click in the canvas uses it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

STILL = 5
"""Pixels of the screen; who moves the mouse farther drags the picture and does not click."""


class Hand:
    """Holds one tool.

    Parameters
    ----------
    click
        Called with the name of the tool when it is used.
    """

    def __init__(self, click: Callable[[str], None]) -> None:
        self.tool: str | None = None
        self._click = click
        self._viewer: Viewer | None = None

    def take(self, viewer: Viewer, layer: Labels, tool: str) -> None:
        """Take a tool; clicks are for it and not for the brush."""
        layer.mode = "pan_zoom"
        viewer.mouse_drag_callbacks.append(self._on_press)
        self.tool, self._viewer = tool, viewer

    def empty(self) -> None:
        """Lay the tool down."""
        if self._viewer is not None and self._on_press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)
        self.tool = self._viewer = None

    def _on_press(self, _viewer: Viewer, event: Any) -> Generator[None, None, None]:
        start, tool = np.array(event.pos), self.tool
        yield
        while event.type == "mouse_move":
            yield
        if event.button == 1 and tool is not None and np.abs(np.array(event.pos) - start).max() <= STILL:
            self._click(tool)
