"""The layers that prompts are drawn into: points, boxes and scribbles, and a preview of what they found.

They lie where the image lies, pixel on pixel, so that their coordinates are
pixels of the image whatever its scale, place and the axis it is seen along.
Marks stay on their plane: each plane has its own object.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Layer, Points, Shapes
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.gui.layers.class_table import NOT_KEPT, place_of
from napari_scsam.gui.layers.marks import Marks
from napari_scsam.gui.layers.plane import Plane, camera_of, full_resolution

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_scsam.infer.patch import Patch

INSIDE = "inside"
OUTSIDE = "outside"
COLOURS = {INSIDE: "#21d07a", OUTSIDE: "#ff4d4d"}

TOOLS = ("point", "box", "scribble")

SLIP = 3.0
"""Pixels; what is smaller along both sides was clicked and not dragged."""

SCRIBBLE_POINTS = 8
"""Points taken from one scribble."""

PREVIEW_COLOUR = "#ffd93b"
POINT_PIXELS = 10
"""Size of a point on the screen at the zoom that the prompts are begun with."""


@dataclass(frozen=True, eq=False)
class DrawnMarks:
    """What was drawn on the planes of an image, without the layers that it was drawn into."""

    points: NDArray[Any]
    """P×axes, in pixels of the image."""
    sides: tuple[str, ...]
    """Of the points."""
    strokes: tuple[tuple[str, NDArray[Any], str], ...]
    """Kind, corners (N×axes) and side of boxes and scribbles."""

    def __bool__(self) -> bool:
        """Whether anything was drawn."""
        return bool(self.sides or self.strokes)

    def without(self, plane: Plane) -> DrawnMarks:
        """Leave out what lies on a plane."""
        elsewhere = ~on_plane(self.points, plane)
        sides = tuple(side for side, stays in zip(self.sides, elsewhere, strict=True) if stays)
        return DrawnMarks(
            self.points[elsewhere],
            sides,
            tuple(s for s in self.strokes if not on_plane(s[1], plane).all()),
        )


class PromptLayers:
    """The layers of one image; they come into the viewer with `enter_steps` and leave it with `remove`.

    Parameters
    ----------
    viewer, image
        Where, and on what.
    on_keys
        What a key does while one of the layers is active, by its name.
    """

    changed = Signal()
    """Marks came, went or moved."""

    def __init__(
        self, viewer: Viewer, image: Image, on_keys: dict[str, Callable[[], object]]
    ) -> None:
        self._viewer = viewer
        self.image = image
        self._keys = on_keys
        self._outside = False
        self._tool = "point"
        self._gone = False
        self.layers: tuple[Layer, ...] = ()
        """Those that are in the viewer."""
        self._before = viewer.layers.selection.active
        place = place_of(image) | {"metadata": {NOT_KEPT: True}}
        fine = 1 / camera_of(viewer).zoom / min(image.scale)
        self.preview = Labels(
            np.zeros((1,) * image.ndim, np.uint8), name="object found", opacity=0.6, **place
        )
        self.preview.colormap = DirectLabelColormap(
            color_dict={None: PREVIEW_COLOUR, 0: "transparent"}
        )
        self.preview.editable = False
        self.strokes = Shapes(
            ndim=image.ndim,
            name="boxes and scribbles",
            property_choices={"side": [INSIDE, OUTSIDE]},
            edge_color=COLOURS[INSIDE],
            face_color="transparent",
            edge_width=3 * fine,
            **place,
        )
        self.points = Points(
            ndim=image.ndim,
            name="points",
            property_choices={"side": [INSIDE, OUTSIDE]},
            face_color=COLOURS[INSIDE],
            border_color="white",
            size=POINT_PIXELS * fine,
            **place,
        )
        self.points.mouse_drag_callbacks.insert(0, self._on_press)
        self.points.events.data.connect(self._on_data)
        self.strokes.events.data.connect(self._on_data)
        self.show_side(inside=True)

    def enter_steps(self) -> Generator[None, None, None]:
        """Come into the viewer, one layer a turn of the event loop: napari takes a tenth of a second for each."""
        for layer in (self.preview, self.strokes, self.points):
            if self._gone:
                return
            self._add(layer)
            yield
        self.use(self._tool)

    def _add(self, layer: Layer) -> None:
        for key, act in self._keys.items():
            layer.bind_key(key, lambda _, act=act: self._press(act), overwrite=True)
        self._viewer.add_layer(layer)
        self.layers = (*self.layers, layer)

    def _press(self, act: Callable[[], object]) -> None:
        """Act, unless a shape is being drawn: then a key ends it, as it does in napari."""
        if self.drawing:
            self.strokes.mode = "pan_zoom"
            self.use("scribble")
        else:
            act()

    @property
    def drawing(self) -> bool:
        """Whether a shape is being drawn; its marks do not count yet."""
        return being_drawn(self.strokes)

    def use(self, tool: str) -> None:
        """Take a tool into the hand."""
        self._tool = tool
        layer = self.points if tool == "point" else self.strokes
        if layer not in self.layers:
            return
        self._viewer.layers.selection.active = layer
        layer.mode = {"point": "add", "box": "add_rectangle", "scribble": "add_path"}[tool]

    def show_side(self, *, inside: bool) -> None:
        """Choose whether the next marks lie in the object or outside it."""
        self._outside = not inside
        self._set_side(INSIDE if inside else OUTSIDE)

    def _set_side(self, side: str) -> None:
        for layer, colour in (
            (self.points, "current_face_color"),
            (self.strokes, "current_edge_color"),
        ):
            layer.selected_data = set()
            layer.feature_defaults = {"side": side}
            setattr(layer, colour, COLOURS[side])

    def drawn_marks(self) -> DrawnMarks:
        """Return what is drawn, on all planes."""
        strokes = zip(
            self.strokes.shape_type, self.strokes.data, self.strokes.features["side"], strict=False
        )
        sides = tuple(str(side) for side in self.points.features["side"])
        return DrawnMarks(
            np.array(self.points.data),
            sides,
            tuple((kind, np.array(data), str(side)) for kind, data, side in strokes),
        )

    def draw_again(self, marks: DrawnMarks) -> None:
        """Draw, into layers that are still empty, what was drawn before."""
        if marks.sides:
            self.points.data = marks.points
            self.points.features = {"side": list(marks.sides)}
            self.points.face_color = [COLOURS[side] for side in marks.sides]
        if marks.strokes:
            kinds, corners, sides = zip(*marks.strokes, strict=True)
            self.strokes.add(
                list(corners), shape_type=list(kinds), edge_color=[COLOURS[side] for side in sides]
            )
            self.strokes.features = {"side": list(sides)}

    def _on_press(self, _layer: Points, event: Event) -> None:
        """Ctrl and a click marks the other side, once."""
        self._set_side(OUTSIDE if self._outside != ("Control" in event.modifiers) else INSIDE)

    def _on_data(self, event: Event) -> None:
        if str(event.action).rsplit(".")[-1].lower() in ("added", "changed", "removed"):
            self.changed.emit()

    def read(self, plane: Plane) -> Marks | None:
        """Return the marks on a plane; None when there are none."""
        here = on_plane(np.asarray(self.points.data), plane)
        points = [*flat(np.asarray(self.points.data)[here], plane)]
        sides = [*np.asarray(self.points.features["side"])[here]]
        box = None
        for kind, vertices, side in self._strokes_on(plane):
            if kind == "path":
                points += [*along(vertices)]
                sides += [side] * SCRIBBLE_POINTS
            else:
                (x0, y0) = vertices.min(0) + 0.5
                (x1, y1) = vertices.max(0) + 0.5
                box = (float(x0), float(y0), float(x1), float(y1))
        if not points and box is None:
            return None
        return Marks(
            tuple((float(x), float(y)) for x, y in points),
            tuple(side != OUTSIDE for side in sides),
            box,
        )

    def forget_slip(self) -> bool:
        """Take the shape drawn last away if it is a box that was not dragged; tell whether it was."""
        with self.strokes.events.data.blocker(self._on_data):
            return forget_slip(self.strokes)

    def _strokes_on(self, plane: Plane) -> list[tuple[str, NDArray[np.float64], str]]:
        """Return kind, corners as (x, y), and side of the shapes on a plane."""
        shapes = zip(
            self.strokes.shape_type, self.strokes.data, self.strokes.features["side"], strict=False
        )
        return [
            (kind, flat(data, plane), str(side))
            for kind, data, side in shapes
            if on_plane(data, plane).all()
        ]

    def drawn(self, plane: Plane, *, inside: bool) -> NDArray[np.bool_]:
        """Draw the points and scribbles of one side on a plane, (rows, columns)."""
        shape = tuple(
            np.delete(full_resolution(self.image).shape, [] if plane.axis is None else plane.axis)
        )
        canvas = np.zeros(shape, bool)
        here = on_plane(np.asarray(self.points.data), plane)
        lines = [point[None] for point in flat(np.asarray(self.points.data)[here], plane)]
        sides = [str(side) for side in np.asarray(self.points.features["side"])[here]]
        for kind, vertices, side in self._strokes_on(plane):
            if kind == "path":
                lines.append(vertices)
                sides.append(side)
        for line, side in zip(lines, sides, strict=True):
            if (side != OUTSIDE) == inside:
                columns, rows = np.rint(fine(line)).astype(int).T
                ok = (rows >= 0) & (columns >= 0) & (rows < shape[0]) & (columns < shape[1])
                canvas[rows[ok], columns[ok]] = True
        return canvas

    def clear(self, plane: Plane) -> None:
        """Take the marks on a plane away."""
        with (
            self.points.events.data.blocker(self._on_data),
            self.strokes.events.data.blocker(self._on_data),
        ):
            self.points.selected_data = set(
                np.flatnonzero(on_plane(np.asarray(self.points.data), plane)).tolist()
            )
            self.points.remove_selected()
            self.strokes.selected_data = {
                i for i, data in enumerate(self.strokes.data) if on_plane(data, plane).all()
            }
            self.strokes.remove_selected()
        self.changed.emit()

    def show(self, plane: Plane, patch: Patch | None) -> None:
        """Show an object on a plane; None shows nothing."""
        if patch is None or not patch.mask.any():
            self.preview.visible = False
            return
        corner = [patch.y, patch.x]
        data = patch.mask.astype(np.uint8)
        if plane.axis is not None:
            corner.insert(plane.axis, plane.position)
            data = np.expand_dims(data, plane.axis)
        self.preview.data = data
        self.preview.translate = self.image.affine.inverse(self.image.data_to_world(corner))
        self.preview.visible = True

    def remove(self) -> None:
        """Take the layers out of the viewer, and select the layer that was active before."""
        layers = self.layers
        self.layers = ()
        self._gone = True
        for layer in layers:
            with suppress(ValueError):
                self._viewer.layers.remove(layer)
        if self._before in self._viewer.layers:
            self._viewer.layers.selection.active = self._before


def being_drawn(layer: Shapes) -> bool:
    """Return whether the mouse is drawing a shape; napari announces it when it is begun, and again when it is finished."""
    return bool(getattr(layer, "_is_creating", False))


def forget_slip(layer: Shapes) -> bool:
    """Take the shape drawn last out of a layer if it is a rectangle that was clicked and not dragged; tell whether it was."""
    last = len(layer.data) - 1
    if (
        last < 0
        or layer.shape_type[last] != "rectangle"
        or np.ptp(layer.data[last], axis=0).max() >= SLIP
    ):
        return False
    layer.selected_data = {last}
    layer.remove_selected()
    return True


def on_plane(vertices: NDArray[Any], plane: Plane) -> NDArray[np.bool_]:
    """Tell which of N points of an array lie on a plane of it."""
    if plane.axis is None or not len(vertices):
        return np.ones(len(vertices), bool)
    here: NDArray[np.bool_] = np.rint(vertices[:, plane.axis]).astype(int) == plane.position
    return here


def flat(vertices: NDArray[Any], plane: Plane) -> NDArray[np.float64]:
    """Turn N points of an array into N×2 (x, y) on a plane."""
    kept = vertices if plane.axis is None else np.delete(vertices, plane.axis, axis=1)
    return np.asarray(kept, float)[:, ::-1]


def along(line: NDArray[np.float64], count: int = SCRIBBLE_POINTS) -> NDArray[np.float64]:
    """Take points at even distances along a line through N points."""
    steps = np.r_[0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
    wanted = (np.arange(count) + 0.5) / count * steps[-1]
    return np.column_stack([np.interp(wanted, steps, line[:, axis]) for axis in (0, 1)])


def fine(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take points at distances below half a pixel along a line."""
    length = np.hypot(*np.diff(line, axis=0).T).sum() if len(line) > 1 else 0.0
    return along(line, max(1, int(2 * length) + 1))
