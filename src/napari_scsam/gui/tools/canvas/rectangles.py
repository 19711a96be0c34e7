"""The pixels of a plane inside a rectangle that was drawn."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels, Layer, Shapes
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.gui.layers.plane import Plane


def selected_rectangles(
    layer: Layer | None, labels: Labels, plane: Plane
) -> list[tuple[slice, slice]]:
    """Return the pixels of a plane inside the selected shapes of a layer, as rows and columns.

    Raises
    ------
    UserError
        When they are outside the image.
    """
    if not isinstance(layer, Shapes) or not layer.selected_data:
        return []
    found = [
        rectangle_on(labels, layer, layer.data[number], plane)
        for number in sorted(layer.selected_data)
    ]
    inside = [box for box in found if all(s.start < s.stop for s in box)]
    if not inside:
        raise UserError("the selected rectangle lies outside the image; draw one inside")
    return inside


def rectangle_on(
    labels: Labels, shapes: Shapes, corners: np.ndarray, plane: Plane
) -> tuple[slice, slice]:
    """Return the pixels of a plane inside a drawn shape's bounding box, as rows and columns."""
    missing = labels.ndim - corners.shape[1]
    world = [shapes.data_to_world(corner) for corner in corners]
    points = np.array([labels.world_to_data((*[0.0] * missing, *point)) for point in world])
    axes = [axis for axis in range(labels.ndim) if axis not in plane.across]
    low = np.ceil(points.min(0) - 1e-6).astype(int)
    high = np.floor(points.max(0) + 1e-6).astype(int) + 1
    rows, columns = (
        slice(max(0, int(low[a])), min(labels.data.shape[a], int(high[a]))) for a in axes
    )
    return rows, columns


def box_inside(
    corners: NDArray[np.float64], plane: Plane, shape: tuple[int, ...]
) -> tuple[slice, slice] | None:
    """Return the pixels of a plane inside a rectangle; None where it lies outside the image."""
    corners = plane.flat(corners)
    low = np.ceil(corners.min(0)).astype(int)
    high = np.floor(corners.max(0)).astype(int) + 1
    rows, columns = (
        slice(max(0, int(first)), min(size, int(end)))
        for first, end, size in zip(low, high, plane.shape(shape), strict=True)
    )
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    return rows, columns
