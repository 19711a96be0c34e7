"""The kinds of prompts: point, box, scribble.

Each kind is one row of `PROMPT_KINDS`: its button, how it is drawn in napari, and how a drawing
becomes what the network is asked with. A new kind is one more row. There is no napari in here, as
the panel reads the rows, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_scsam.gui.prompts.marks import Marks

SCRIBBLE_POINTS = 8
"""Points taken from one scribble."""

MIN_DRAG = 3.0
"""Pixels; a box that is smaller along all sides was clicked and not dragged."""

Vertices = NDArray[np.float64]
"""N×2, (x, y) on a plane; whole numbers are the centres of pixels."""


@dataclass(frozen=True)
class PromptKind:
    """One kind of prompt."""

    name: str
    label: str
    """On its button."""
    tip: str
    mode: str
    """The mode of napari's layer in which it is drawn."""
    shape_type: str
    """Napari's shape type; empty for points, which have a layer of their own."""
    marks: Callable[[Vertices, bool], Marks]
    """Returns what the network is asked with; takes the drawing, and whether it is inside."""
    min_drag: float = 0.0
    """A drawing that is smaller along all axes, in pixels, is removed as a slip of the mouse."""
    slip_message: str = ""
    """Shown when a slip was removed."""

    def is_slip(self, vertices: NDArray[np.float64]) -> bool:
        """Whether a drawing, N×axes, is too small to be meant."""
        return float(np.ptp(vertices, axis=0).max()) < self.min_drag


def point_marks(vertices: Vertices, inside: bool) -> Marks:
    """Take every vertex as a point."""
    points = tuple((float(x), float(y)) for x, y in vertices)
    return Marks(points, (inside,) * len(points))


def box_marks(vertices: Vertices, _inside: bool) -> Marks:
    """Take the outer edges of the pixels that the vertices span; a box is always inside."""
    x0, y0 = vertices.min(axis=0) + 0.5
    x1, y1 = vertices.max(axis=0) + 0.5
    return Marks(box=(float(x0), float(y0), float(x1), float(y1)))


def scribble_marks(vertices: Vertices, inside: bool) -> Marks:
    """Take points at equal distances along the line."""
    return point_marks(sample_along(vertices), inside)


def sample_along(line: Vertices, count: int = SCRIBBLE_POINTS) -> Vertices:
    """Take points at equal distances along a line through N points."""
    lengths = np.r_[0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
    distances = (np.arange(count) + 0.5) / count * lengths[-1]
    return np.column_stack([np.interp(distances, lengths, line[:, axis]) for axis in (0, 1)])


POINT = PromptKind(
    name="point",
    label="Point",
    tip="Click on an object. Ctrl+click marks what is not part of it.",
    mode="add",
    shape_type="",
    marks=point_marks,
)
BOX = PromptKind(
    name="box",
    label="Box",
    tip="Drag a rectangle around an object.",
    mode="add_rectangle",
    shape_type="rectangle",
    marks=box_marks,
    min_drag=MIN_DRAG,
    slip_message="A click draws no box; drag one from corner to corner.",
)
SCRIBBLE = PromptKind(
    name="scribble",
    label="Scribble",
    tip="Drag a line along an object.",
    mode="add_path",
    shape_type="path",
    marks=scribble_marks,
)

PROMPT_KINDS = {kind.name: kind for kind in (POINT, BOX, SCRIBBLE)}
"""By name, in the order of their buttons."""

BY_SHAPE_TYPE = {kind.shape_type: kind for kind in PROMPT_KINDS.values()}


def kind_of_shape(shape_type: str) -> PromptKind:
    """Return the kind of a shape; the user's own shapes of other types count as boxes."""
    return BY_SHAPE_TYPE.get(shape_type, BOX)
