"""The layer in which strokes that teach a class are painted, with napari's own brush."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from psygnal import Signal

from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, geometry_of
from napari_scsam.gui.layers.plane import Plane, camera_of, finest_step, leading_axes
from napari_scsam.gui.workarounds.left_button import finish_stroke, paint_with_left_button
from napari_scsam.project.strokes import BESIDE, ON

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_scsam.config import ClassSpec
    from napari_scsam.io.saved.saved_array import SavedArray

BESIDE_COLOUR = "#c8c8c8"
BRUSH_PIXELS = 8
"""Width of the brush on the screen, at the zoom at which the layer is made."""

UNDO = "Control-Z"
REDO = "Control-Shift-Z"
MODES = ("paint", "erase", "fill", "polygon", "pick")
"""Napari's modes in which strokes are painted and removed."""


class StrokesLayer:
    """A labels layer for the strokes of one class: 1 is on the class, 2 beside it.

    napari's brush ends a stroke when the mouse button is released, and paints a dot for a click.

    Parameters
    ----------
    viewer, image
        Where, and on what.
    spec
        The class.
    array
        Its strokes, of the image's shape.
    axis
        The axis across the slices that strokes are drawn on; None for a 2-D image.
    """

    painted = Signal(object)
    """The planes, a tuple, whose strokes changed."""
    side_changed = Signal()
    """`on_class` changed."""

    def __init__(
        self, viewer: Viewer, image: Image, spec: ClassSpec, array: SavedArray, axis: int | None
    ) -> None:
        self.image = image
        self._viewer = viewer
        self._axis = axis
        self.spec = spec
        self.on_class = True
        """Whether the brush paints on the class, and not beside it."""
        self.layer = Labels(
            array,
            name=f"strokes: {spec.name}",
            opacity=1.0,
            metadata={NOT_KEPT_KEY: True},
            **geometry_of(image),
        )
        colours = {None: BESIDE_COLOUR, 0: "transparent", ON: spec.colour, BESIDE: BESIDE_COLOUR}
        self.layer.colormap = DirectLabelColormap(color_dict=colours)
        screen_pixel = 1 / camera_of(viewer).zoom / finest_step(image)
        self.layer.brush_size = max(1, round(BRUSH_PIXELS * screen_pixel))
        self._connect()

    def _connect(self) -> None:
        layer = self.layer
        paint_with_left_button(layer)
        layer.events.paint.connect(self._on_paint)
        layer.events.selected_label.connect(self._on_label)
        layer.events.n_edit_dimensions.connect(self._keep_flat)
        layer.bind_key(UNDO, lambda _: self.undo(), overwrite=True)
        layer.bind_key(REDO, lambda _: self.redo(), overwrite=True)
        self._keep_flat()
        self.set_side(on_class=True)

    def show(self) -> None:
        """Add the layer to the viewer, and take the brush."""
        self._viewer.add_layer(self.layer)
        self.take_brush()

    def take_brush(self) -> None:
        """Make the layer the active one, on top of the others, with the brush."""
        layers = self._viewer.layers
        if self.layer not in layers:
            return
        if layers[-1] is not self.layer:
            layers.move(layers.index(self.layer), -1)
        layers.selection.active = self.layer
        self.layer.mode = "paint"

    def end_stroke(self) -> None:
        """End a stroke that is still being painted, as when the mouse button is released."""
        finish_stroke(self.layer)

    def remove(self) -> None:
        """Remove the layer from the viewer; what was painted is kept."""
        if self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)

    def set_side(self, *, on_class: bool) -> None:
        """Choose whether the brush paints on the class, or beside it."""
        self.on_class = on_class
        value = BESIDE
        if on_class:
            value = ON
        self.layer.selected_label = value
        self.side_changed.emit()

    def undo(self) -> bool:
        """Remove the stroke painted last; return whether there was one."""
        return self._step(self.layer._undo_history, self.layer.undo)

    def redo(self) -> bool:
        """Paint again what was undone last; return whether there was anything."""
        return self._step(self.layer._redo_history, self.layer.redo)

    def _step(self, history: Any, act: Callable[[], object]) -> bool:
        if not history:
            return False
        planes = self._planes(history[-1])
        act()
        self.painted.emit(planes)
        return True

    def _on_paint(self, event: Event) -> None:
        self.painted.emit(self._planes(event.value))

    def _planes(self, step: Iterable[Any]) -> tuple[Plane, ...]:
        """Return the planes that an undo step of napari changes."""
        axis = self._axis
        if axis is None:
            return (Plane(),)
        step = list(step)
        shape = self.layer.data.shape
        across = (*range(leading_axes(len(shape))), axis)
        found = [sorted(positions_of(step, each, shape[each])) for each in across]
        return tuple(Plane(axis, index[-1], index[:-1]) for index in product(*found))

    def _on_label(self) -> None:
        """Follow napari's own ways to choose a label; there are no others than these two."""
        value = self.layer.selected_label
        if value not in (0, ON, BESIDE):
            self.layer.selected_label = ON
        elif value != 0 and (value == ON) != self.on_class:
            self.on_class = value == ON
            self.side_changed.emit()

    def _keep_flat(self) -> None:
        """Restrict the brush to the slice shown."""
        if self.layer.n_edit_dimensions != 2:
            self.layer.n_edit_dimensions = 2


def positions_of(step: Iterable[Any], axis: int, depth: int) -> set[int]:
    """Return the indices along an axis that an undo step of napari changes.

    Parameters
    ----------
    step
        Masks in a box, or single voxels, as napari keeps them.
    axis, depth
        The axis, and the size of the layer along it.
    """
    positions: set[int] = set()
    for atom in step:
        positions.update(_positions_in(atom, axis, depth))
    return positions


def _positions_in(atom: Any, axis: int, depth: int) -> Iterable[int]:
    """Return the indices that one part of an undo step changes."""
    if not hasattr(atom, "slice_key"):
        indices: list[int] = np.unique(atom[0][axis]).tolist()
        return indices
    key = atom.slice_key[axis]
    if isinstance(key, slice):
        return range(*key.indices(depth))
    return (int(key),)
