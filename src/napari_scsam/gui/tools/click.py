"""A tool that the next click in the canvas uses."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

STILL = 5
"""Pixels of the screen; who moves the mouse farther drags the picture and does not click."""


class ClickTool:
    """Waits for clicks; they are for the tool, and not for the brush.

    Parameters
    ----------
    viewer, labels
        Where, and the layer that it works on; it becomes the active one.
    click
        Called when the tool is used.
    """

    def __init__(self, viewer: Viewer, labels: Labels, click: Callable[[], None]) -> None:
        self._viewer = viewer
        self._click = click
        viewer.layers.selection.active = labels
        labels.mode = "pan_zoom"
        viewer.mouse_drag_callbacks.append(self._on_press)

    def close(self) -> None:
        """Wait for no more clicks."""
        if self._waits:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)

    @property
    def _waits(self) -> bool:
        return self._on_press in self._viewer.mouse_drag_callbacks

    def _on_press(self, _viewer: Viewer, event: Any) -> Generator[None, None, None]:
        start = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if event.button == 1 and self._waits and np.abs(np.array(event.pos) - start).max() <= STILL:
            self._click()
