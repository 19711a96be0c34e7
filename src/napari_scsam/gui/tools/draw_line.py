"""Drawing the line that an object is cut along, in a layer that is gone when it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Shapes
from numpy.typing import NDArray

from napari_scsam.gui.layers.class_table import NOT_KEPT, place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

SHORTEST = 2.0
"""Pixels; a shorter line is a slip of the hand."""


class CutLine:
    """A line being drawn over a labels layer.

    Parameters
    ----------
    viewer, labels
        Where, and over what.
    done
        Takes the points of the line, n × axes of the labels layer, after it was drawn.
    soon
        Runs a generator after the mouse event is over.
    """

    def __init__(
        self,
        viewer: Viewer,
        labels: Labels,
        done: Callable[[NDArray[np.float64]], None],
        soon: Callable[[Generator[None, None, None]], None],
    ) -> None:
        self._viewer = viewer
        self._labels = labels
        self._done = done
        self._soon = soon
        self.layer = Shapes(
            ndim=labels.ndim,
            name="line to cut along",
            edge_color="yellow",
            edge_width=1,
            metadata={NOT_KEPT: True},
            **place_of(labels),
        )
        viewer.add_layer(self.layer)
        viewer.layers.selection.active = self.layer
        self.layer.mode = "add_line"
        self.layer.mouse_drag_callbacks.append(self._drag)

    def close(self) -> None:
        """Take the line away and go back to the labels, unless another layer was chosen."""
        layers = self._viewer.layers
        drawn_in = layers.selection.active is self.layer
        if self.layer in layers:
            layers.remove(self.layer)
        if drawn_in and self._labels in layers:
            layers.selection.active = self._labels

    def _drag(self, _layer: Shapes, event: Any) -> Generator[None, None, None]:
        yield
        while event.type == "mouse_move":
            yield
        self._soon(self._finish())

    def _finish(self) -> Generator[None, None, None]:
        yield
        lines = self.layer.data
        if not lines or np.linalg.norm(lines[-1][-1] - lines[-1][0]) < SHORTEST:
            return
        self._done(np.array(lines[-1], float))
