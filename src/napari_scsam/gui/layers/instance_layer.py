"""Layers that hold one label an object, and the outline of the objects that are selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Surface
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, classes_of, geometry_of
from napari_scsam.gui.layers.instance_classes import (
    OBJECTS_KEY,
    ObjectClasses,
    set_object_classes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Layer
    from napari.viewer import Viewer

OUTLINE_COLOUR = "#ffffff"
OUTLINE_WIDTH = 2
"""Pixels of the layer, inside the object."""

NAME_OF_OUTLINES = "selected objects"
NAME_OF_SURFACES = "surfaces of selected objects"


class SelectedView:
    """The outlines of selected objects, computed for the slice that is read; an array of labels.

    Parameters
    ----------
    data
        The array of an instance layer.
    """

    def __init__(self, data: Any) -> None:
        self.data = data
        self.dtype: np.dtype[Any] = np.dtype(data.dtype)
        self.shape = tuple(data.shape)
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))
        self._selected = np.zeros(0, np.int64)

    def select(self, labels: NDArray[np.int64]) -> None:
        """Choose the objects."""
        self._selected = np.sort(labels)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        values = np.asarray(self.data[key])
        if values.ndim > 2 or not self._selected.size:  # in 3-D, surfaces are shown
            return np.zeros_like(values)
        selected = self._mask(values)
        if values.ndim == 2:
            _keep_outlines(values, selected)
        return np.where(selected, values, np.zeros_like(values))

    def _mask(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which values are selected; most are background, or far from them."""
        low = self._selected[0]
        high = self._selected[-1]
        held: NDArray[np.bool_] = (values >= low) & (values <= high)
        if self._selected.size < high - low + 1:
            held[held] = np.isin(values[held], self._selected)
        return held

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        values = self[(slice(None),) * self.ndim]
        return np.asarray(values, dtype)


def _keep_outlines(values: NDArray[Any], selected: NDArray[np.bool_]) -> None:
    """Leave of the selected pixels of a slice those near the border of their object, in place."""
    rows = np.flatnonzero(selected.any(axis=1))
    columns = np.flatnonzero(selected.any(axis=0))
    if not rows.size:
        return
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    own = np.pad(np.where(selected[box], values[box], 0), OUTLINE_WIDTH)
    inside = np.ones(own[unpadded_box(own)].shape, bool)
    for axis in (0, 1):
        for shift in range(-OUTLINE_WIDTH, OUTLINE_WIDTH + 1):
            inside &= np.roll(own, shift, axis)[unpadded_box(own)] == own[unpadded_box(own)]
    selected[box] &= ~inside


def unpadded_box(padded: NDArray[Any]) -> tuple[slice, slice]:
    """Return the part of a padded slice that is not padding."""
    height, width = padded.shape
    end = OUTLINE_WIDTH
    return slice(end, height - end), slice(end, width - end)


def is_instance_layer(layer: Layer) -> bool:
    """Whether each label of a layer is one object, which the user can work on."""
    return (
        isinstance(layer, Labels)
        and not layer.multiscale
        and layer.ndim in (2, 3)
        and NOT_KEPT_KEY not in layer.metadata
        and classes_of(layer) is None
    )


def instance_layers(layers: Iterable[Layer]) -> list[Labels]:
    """Return the instance layers among some, the topmost first."""
    return [layer for layer in reversed(list(layers)) if is_instance_layer(layer)]


def was_found(layer: Layer) -> bool:
    """Whether a layer is known to hold the objects of classes."""
    return OBJECTS_KEY in layer.metadata


def new_instance_layer(source: Labels, data: NDArray[Any], classes: ObjectClasses) -> Labels:
    """Create the layer of the objects that were found in a class layer."""
    stem = source.name.removesuffix(" organelles")
    layer = Labels(data, name=f"{stem} objects", opacity=0.6, **geometry_of(source))
    set_object_classes(layer, classes)
    return layer


def outline_layer(source: Labels, view: Any, name: str = NAME_OF_OUTLINES) -> Labels:
    """Create the layer that shows outlines of objects; it cannot be painted on.

    Parameters
    ----------
    source
        The layer of the objects, whose place it shares.
    view
        An array that computes the outlines for the slice that is read, such as `SelectedView`.
    name
        Of the layer.
    """
    layer = Labels(
        view,
        name=name,
        opacity=1.0,
        colormap=DirectLabelColormap(color_dict={None: OUTLINE_COLOUR, 0: "transparent"}),
        metadata={NOT_KEPT_KEY: True},
        **geometry_of(source),
    )
    layer.editable = False
    return layer


def surface_layer(
    source: Labels,
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    colours: NDArray[np.float32],
) -> Surface:
    """Create the layer of the surfaces of objects.

    Parameters
    ----------
    source
        The instance layer that they are of, whose place they share.
    vertices
        N×3 voxels along z, y, x.
    faces
        M×3 rows of `vertices`.
    colours
        N×4, the colour of each vertex.
    """
    return Surface(
        (vertices, faces),
        vertex_colors=colours,
        name=NAME_OF_SURFACES,
        metadata={NOT_KEPT_KEY: True},
        shading="smooth",
        **geometry_of(source),
    )


def add_behind(viewer: Viewer, layer: Layer) -> None:
    """Add a layer without making it the active one."""
    active = viewer.layers.selection.active
    viewer.add_layer(layer)
    viewer.layers.selection.active = active
