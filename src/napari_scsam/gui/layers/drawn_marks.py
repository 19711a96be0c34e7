"""Marks as the user drew them on the planes of an image, apart from napari's layers."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.gui.prompts.kinds import POINT, PromptKind, Vertices, kind_of_shape
from napari_scsam.gui.prompts.marks import Marks

if TYPE_CHECKING:
    from napari_scsam.gui.layers.plane import Plane

INSIDE = "inside"
OUTSIDE = "outside"
"""The two sides of a mark, as the layers keep them in their features."""

SIDES = {True: INSIDE, False: OUTSIDE}

DrawnShape = tuple[str, NDArray[Any], str]
"""Napari's shape type, vertices (N×axes, in pixels of the image), and side."""


@dataclass(frozen=True, eq=False)
class DrawnMarks:
    """What was drawn on all planes of an image."""

    points: NDArray[Any]
    """P×axes, in pixels of the image."""
    sides: tuple[str, ...]
    """Of the points."""
    shapes: tuple[DrawnShape, ...]

    def __bool__(self) -> bool:
        """Whether anything was drawn."""
        return bool(self.sides or self.shapes)

    def without(self, plane: Plane) -> DrawnMarks:
        """Leave out what is on a plane."""
        elsewhere = ~on_plane(self.points, plane)
        return DrawnMarks(
            self.points[elsewhere],
            tuple(side for side, stays in zip(self.sides, elsewhere, strict=True) if stays),
            tuple(shape for shape in self.shapes if not on_plane(shape[1], plane).all()),
        )

    def read(self, plane: Plane) -> Marks:
        """Return the marks on a plane, as the network is asked with them."""
        marks = Marks()
        for kind, vertices, inside in self._on(plane):
            marks += kind.marks(vertices, inside)
        return marks

    def _on(self, plane: Plane) -> Iterator[tuple[PromptKind, Vertices, bool]]:
        """Yield kind, vertices on the plane, and whether it is inside, of each mark on a plane."""
        for point, side in zip(self.points, self.sides, strict=True):
            if on_plane(point[None], plane).all():
                yield POINT, xy_on_plane(point[None], plane), side != OUTSIDE
        for shape_type, vertices, side in self.shapes:
            if on_plane(vertices, plane).all():
                yield kind_of_shape(shape_type), xy_on_plane(vertices, plane), side != OUTSIDE


def on_plane(vertices: NDArray[Any], plane: Plane) -> NDArray[np.bool_]:
    """Return which of N points of an array are on a plane of it."""
    if not len(vertices):
        return np.ones(0, bool)
    nearest = np.rint(vertices[:, list(plane.across)]).astype(int)
    return np.asarray((nearest == list(plane.across.values())).all(axis=1), bool)


def xy_on_plane(vertices: NDArray[Any], plane: Plane) -> Vertices:
    """Return N points of an array as N×2, (x, y) on a plane."""
    return np.asarray(plane.flat(vertices), float)[:, ::-1]


class KeptMarks:
    """Marks that were not accepted before prompting stopped, by volume."""

    def __init__(self) -> None:
        self._of: dict[Hashable, DrawnMarks] = {}

    def keep(self, volume: Hashable, marks: DrawnMarks) -> None:
        """Keep the marks of a volume, if there are any."""
        if marks:
            self._of[volume] = marks

    def take(self, volume: Hashable) -> DrawnMarks | None:
        """Return the marks of a volume, and keep them no longer."""
        return self._of.pop(volume, None)

    def forget(self, volume: Hashable, plane: Plane) -> None:
        """Forget the marks on a plane of a volume."""
        marks = self.take(volume)
        if marks is not None:
            self.keep(volume, marks.without(plane))
