"""A tool that the next click in the canvas uses."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

MAX_CLICK_MOVE = 5
"""Screen pixels; a longer movement of the mouse drags the picture and is not a click, even where
it comes back."""


class ClickTool:
    """Waits for clicks, which then do not paint.

    Parameters
    ----------
    viewer, labels
        Where, and the layer that the tool works on; it becomes the active layer.
    click
        Called at each click.
    """

    def __init__(self, viewer: Viewer, labels: Labels, click: Callable[[], None]) -> None:
        self._viewer = viewer
        self._click = click
        viewer.layers.selection.active = labels
        labels.mode = "pan_zoom"
        viewer.mouse_drag_callbacks.append(self._on_press)

    def close(self) -> None:
        """Stop waiting for clicks."""
        if self._waits:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)

    @property
    def _waits(self) -> bool:
        return self._on_press in self._viewer.mouse_drag_callbacks

    def _on_press(self, _viewer: Viewer, event: Any) -> Generator[None, None, None]:
        start = np.array(event.pos)
        farthest = 0.0
        yield
        while event.type == "mouse_move":
            farthest = max(farthest, _distance(event, start))
            yield
        farthest = max(farthest, _distance(event, start))
        if event.button == 1 and self._waits and farthest <= MAX_CLICK_MOVE:
            self._click()


def _distance(event: Any, start: NDArray[Any]) -> float:
    """Return how far the mouse is from where it was pressed, in screen pixels."""
    return float(np.abs(np.array(event.pos) - start).max())
