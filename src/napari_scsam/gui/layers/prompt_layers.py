"""The layers that prompts are drawn into, and a preview of the object that they find.

They have the scale and place of the image. So their coordinates are pixels of the image, whichever
axis it is seen along. Marks stay on their plane: each plane has an object of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Layer, Points
from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.layers.drawing_layers import (
    MARK_COLOURS,
    being_drawn,
    points_layer,
    preview_layer,
    remove_slip,
    strokes_layer,
)
from napari_scsam.gui.layers.drawn_marks import INSIDE, SIDES, DrawnMarks, on_plane
from napari_scsam.gui.layers.plane import (
    Plane,
    camera_of,
    finest_step,
    full_resolution,
    shown_plane,
)
from napari_scsam.gui.prompts.kinds import (
    POINT,
    PROMPT_KINDS,
    SCRIBBLE,
    PromptKind,
)
from napari_scsam.gui.workarounds.end_drag import end_drag

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_scsam.gui.prompts.marks import Marks
    from napari_scsam.infer.patch import Patch


class PromptLayers:
    """The layers of one image; `add_steps` adds them to the viewer, and `remove` removes them.

    Parameters
    ----------
    viewer, image
        Where, and on what.
    viewer_keys, layer_keys
        What keys do in the whole viewer, and while one of the layers is active.
    """

    changed = Signal()
    """Marks were added, moved or removed."""
    plane_changed = Signal()
    """The viewer shows another plane."""
    lost = Signal()
    """One of the layers was removed, and not by `remove`."""

    def __init__(
        self,
        viewer: Viewer,
        image: Image,
        viewer_keys: Mapping[str, Callable[[], object]],
        layer_keys: Mapping[str, Callable[[], object]],
    ) -> None:
        self._viewer = viewer
        self.image = image
        self._viewer_keys = viewer_keys
        self._layer_keys = {**viewer_keys, **layer_keys}
        self._side = INSIDE
        self._kind = POINT.name
        self._removed = False
        self.layers: tuple[Layer, ...] = ()
        """Those that are in the viewer."""
        self._active_before = viewer.layers.selection.active
        screen_pixel = 1 / camera_of(viewer).zoom / finest_step(image)
        self.preview = preview_layer(image)
        self.strokes = strokes_layer(image, screen_pixel)
        self.points = points_layer(image, screen_pixel)
        self.points.mouse_drag_callbacks.insert(0, self._on_press)
        self.points.events.data.connect(self._on_data)
        self.strokes.events.data.connect(self._on_data)
        self.set_side(inside=True)
        self._connect_viewer()

    # In the viewer

    @property
    def shown_plane(self) -> Plane | None:
        """The plane of the image that the viewer shows, if it shows one."""
        try:
            return shown_plane(self._viewer, self.image)
        except UserError:
            return None

    @property
    def complete(self) -> bool:
        """Whether neither the image nor one of the layers was removed from the viewer."""
        return all(layer in self._viewer.layers for layer in (self.image, *self.layers))

    def _connect_viewer(self) -> None:
        viewer = self._viewer
        for key, act in self._viewer_keys.items():
            viewer.bind_key(key, lambda _, act=act: act(), overwrite=True)
        viewer.dims.events.current_step.connect(self._on_dims)
        viewer.dims.events.order.connect(self._on_dims)
        viewer.layers.events.removed.connect(self._on_removed)

    def _disconnect_viewer(self) -> None:
        viewer = self._viewer
        for key in self._viewer_keys:
            viewer.bind_key(key, None, overwrite=True)
        viewer.dims.events.current_step.disconnect(self._on_dims)
        viewer.dims.events.order.disconnect(self._on_dims)
        viewer.layers.events.removed.disconnect(self._on_removed)

    def _on_dims(self) -> None:
        self.plane_changed.emit()

    def _on_removed(self) -> None:
        if any(layer not in self._viewer.layers for layer in self.layers):
            self.lost.emit()

    def add_steps(self) -> Generator[None, None, None]:
        """Add the layers, one a turn of the event loop: napari takes 0.1 s for each."""
        for layer in (self.preview, self.strokes, self.points):
            if self._removed:
                return
            self._add(layer)
            yield
        self.use(self._kind)

    def _add(self, layer: Layer) -> None:
        for key, act in self._layer_keys.items():
            layer.bind_key(key, lambda _, act=act: self._press(act), overwrite=True)
        self._viewer.add_layer(layer)
        self.layers = (*self.layers, layer)

    def _press(self, act: Callable[[], object]) -> None:
        """Act, unless a shape is being drawn: then a key finishes it, as it does in napari."""
        if self.drawing:
            end_drag(self.strokes)
            self.strokes.mode = "pan_zoom"
            self.use(SCRIBBLE.name)
        else:
            act()

    def remove(self) -> None:
        """Remove the layers, and select the layer that was active before."""
        self._disconnect_viewer()
        layers = self.layers
        self.layers = ()
        self._removed = True
        for layer in layers:
            with suppress(ValueError):
                self._viewer.layers.remove(layer)
        if self._active_before in self._viewer.layers:
            self._viewer.layers.selection.active = self._active_before

    # Drawing

    @property
    def drawing(self) -> bool:
        """Whether a shape is being drawn; its marks do not count yet."""
        return being_drawn(self.strokes)

    def use(self, name: str) -> None:
        """Choose the kind of prompt that the next click or drag draws."""
        self._kind = name
        kind = PROMPT_KINDS[name]
        layer = self.strokes if kind.shape_type else self.points
        if layer not in self.layers:
            return
        self._viewer.layers.selection.active = layer
        layer.mode = kind.mode

    def set_side(self, *, inside: bool) -> None:
        """Choose whether the next marks are inside the object."""
        self._side = SIDES[inside]
        self._show_side(self._side)

    def _show_side(self, side: str) -> None:
        for layer in (self.points, self.strokes):
            layer.selected_data = set()
            layer.feature_defaults = {"side": side}
        self.points.current_face_color = MARK_COLOURS[side]
        self.strokes.current_edge_color = MARK_COLOURS[side]

    def _on_press(self, _layer: Points, event: Event) -> None:
        """Ctrl and a click marks the other side, once."""
        inside = self._side == INSIDE
        if "Control" in event.modifiers:
            inside = not inside
        self._show_side(SIDES[inside])

    def _on_data(self, event: Event) -> None:
        if str(event.action).rsplit(".")[-1].lower() in ("added", "changed", "removed"):
            self.changed.emit()

    # Marks

    def drawn_marks(self) -> DrawnMarks:
        """Return what is drawn, on all planes."""
        shapes = zip(
            self.strokes.shape_type, self.strokes.data, self.strokes.features["side"], strict=False
        )
        return DrawnMarks(
            np.array(self.points.data),
            tuple(str(side) for side in self.points.features["side"]),
            tuple((kind, np.array(data), str(side)) for kind, data, side in shapes),
        )

    def restore(self, marks: DrawnMarks) -> None:
        """Draw, into layers that are still empty, what was drawn before."""
        if marks.sides:
            self.points.data = marks.points
            self.points.features = {"side": list(marks.sides)}
            self.points.face_color = [MARK_COLOURS[side] for side in marks.sides]
        if marks.shapes:
            kinds, vertices, sides = zip(*marks.shapes, strict=True)
            colours = [MARK_COLOURS[side] for side in sides]
            self.strokes.add(list(vertices), shape_type=list(kinds), edge_color=colours)
            self.strokes.features = {"side": list(sides)}

    def read(self, plane: Plane) -> Marks:
        """Return the marks on a plane, as the network is asked with them.

        What was drawn beside the image does not count.
        """
        rows, columns = plane.shape(full_resolution(self.image).shape)
        return self.drawn_marks().read(plane).within(rows, columns)

    def are_beside(self, plane: Plane) -> bool:
        """Whether a mark on a plane is beside the image."""
        return self.drawn_marks().read(plane) != self.read(plane)

    def remove_slip(self) -> PromptKind | None:
        """Remove the shape drawn last if it is a slip of the mouse, and return its kind."""
        with self.strokes.events.data.blocker(self._on_data):
            return remove_slip(self.strokes)

    def clear(self, plane: Plane) -> None:
        """Remove the marks on a plane."""
        points = np.flatnonzero(on_plane(np.asarray(self.points.data), plane))
        shapes = [i for i, data in enumerate(self.strokes.data) if on_plane(data, plane).all()]
        with (
            self.points.events.data.blocker(self._on_data),
            self.strokes.events.data.blocker(self._on_data),
        ):
            self.points.selected_data = set(points.tolist())
            self.points.remove_selected()
            self.strokes.selected_data = set(shapes)
            self.strokes.remove_selected()
        self.changed.emit()

    # The preview

    def show_object(self, plane: Plane, patch: Patch) -> None:
        """Show an object on a plane."""
        if not patch.mask.any():
            self.hide_object()
            return
        corner = plane.corner(patch.y, patch.x)
        self.preview.data = plane.expand(patch.mask.astype(np.uint8))
        self.preview.translate = self.image.affine.inverse(self.image.data_to_world(corner))
        self.preview.visible = True

    def hide_object(self) -> None:
        """Show no object."""
        self.preview.visible = False
