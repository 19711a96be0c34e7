"""Drawing the line that an object is cut along, in a layer that is removed afterwards."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Shapes
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, geometry_of
from napari_scsam.gui.layers.locks import locked_labels
from napari_scsam.objects.cuts import wall_along

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_scsam.gui.layers.pointing import LayerPlane

MIN_LENGTH = 2.0
"""Pixels; a shorter line is a slip of the mouse."""


class LineTool:
    """A line being drawn over a labels layer.

    Parameters
    ----------
    viewer, labels
        Where, and over what.
    done
        Called with the points of the drawn line, N × axes of the labels layer.
    run_in_event_loop
        Runs a generator after the mouse event.
    """

    def __init__(
        self,
        viewer: Viewer,
        labels: Labels,
        done: Callable[[NDArray[np.float64]], None],
        run_in_event_loop: Callable[[Generator[None, None, None]], None],
    ) -> None:
        self._viewer = viewer
        self._labels = labels
        self._done = done
        self._run_in_event_loop = run_in_event_loop
        self.layer = Shapes(
            ndim=labels.ndim,
            name="line to cut along",
            edge_color="yellow",
            edge_width=1,
            metadata={NOT_KEPT_KEY: True},
            **geometry_of(labels),
        )
        viewer.add_layer(self.layer)
        viewer.layers.selection.active = self.layer
        self.layer.mode = "add_line"
        self.layer.mouse_drag_callbacks.append(self._drag)

    def close(self) -> None:
        """Remove the line and select the labels, unless another layer was selected."""
        layers = self._viewer.layers
        was_active = layers.selection.active is self.layer
        if self.layer in layers:
            layers.remove(self.layer)
        if was_active and self._labels in layers:
            layers.selection.active = self._labels

    def _drag(self, _layer: Shapes, event: Any) -> Generator[None, None, None]:
        yield
        while event.type == "mouse_move":
            yield
        self._run_in_event_loop(self._finish())

    def _finish(self) -> Generator[None, None, None]:
        yield
        lines = self.layer.data
        if not lines or np.linalg.norm(lines[-1][-1] - lines[-1][0]) < MIN_LENGTH:
            return
        self._done(np.array(lines[-1], float))


def object_under_line(
    target: LayerPlane, points: NDArray[np.float64]
) -> tuple[tuple[int, ...], NDArray[np.bool_]]:
    """Find the object to cut: the one that the line crosses nearest to its middle.

    Parameters
    ----------
    target
        The layer and the plane that the line was drawn on.
    points
        Of the line, N × axes of the layer.

    Returns
    -------
    seed
        A voxel of the object.
    wall
        The pixels of the line, in the shape of the plane as a section of the layer.

    Raises
    ------
    UserError
        When the line crosses no object that may be changed.
    """
    line = target.plane.flat(points)
    section = target.plane.read(target.layer.data)
    wall = wall_along(line.tolist(), (section.shape[0], section.shape[1]))
    free = ~np.isin(section, locked_labels(target.layer))
    crossed = np.argwhere(wall & (section != 0) & free)
    if not len(crossed):
        raise UserError("the line crosses no unlocked object; draw it across one")
    distances = ((crossed - line.mean(axis=0)) ** 2).sum(axis=1)
    row, column = crossed[distances.argmin()].reshape(2, 1)
    seed = tuple(int(i[0]) for i in target.plane.indices(row, column))
    return seed, target.plane.expand(wall)
