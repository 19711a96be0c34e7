"""The plane of a layer that the viewer shows, and the size of its voxels.

The last three axes of a layer are those of a volume. Those before them are time points, channels
or whatever else has a slider: each index along them is a volume of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.gui.layers.grey import first_colour, is_grey
from napari_scsam.io.lazy import LazyArray
from napari_scsam.io.units import voxel_size_nm
from napari_scsam.plausible import is_plausible

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer


VOLUME_AXES = 3
"""Axes of a volume; an array with more holds several."""


@dataclass(frozen=True)
class Plane:
    """One flat section of an array of two or more axes, in the order of its axes."""

    axis: int | None = None
    """The axis across the section; None for a 2-D array."""
    position: int = 0
    """Index along `axis`."""
    lead: tuple[int, ...] = ()
    """Indices along the axes before those of a volume: a time point or a channel, for instance."""

    @property
    def across(self) -> dict[int, int]:
        """The index along each axis that is not in the plane, in the order of the axes."""
        fixed = dict(enumerate(self.lead))
        if self.axis is not None:
            fixed[self.axis] = self.position
        return fixed

    def at(self, position: int) -> Plane:
        """Return the parallel plane of the same volume at another index."""
        return replace(self, position=position)

    def key(self, rows: slice = slice(None)) -> tuple[int | slice, ...]:
        """Return the index of these rows of the plane in the array."""
        return self._with_across(rows, slice(None))

    def corner(self, row: float, column: float) -> tuple[float, ...]:
        """Return the index in the array of a place in the plane."""
        return self._with_across(row, column)

    def _with_across(self, row: Any, column: Any) -> tuple[Any, ...]:
        selection = [row, column]
        for axis, index in self.across.items():
            selection.insert(axis, index)
        return tuple(selection)

    def expand(self, section: NDArray[Any]) -> NDArray[Any]:
        """Return (rows, columns) with all axes of the array, of size 1 across the plane."""
        return np.expand_dims(section, tuple(self.across))

    def flat(self, points: NDArray[Any]) -> NDArray[Any]:
        """Return N points of the array, N×axes, as N×2 (row, column)."""
        return np.delete(points, list(self.across), axis=1)

    def holds(self, voxel: Sequence[int]) -> bool:
        """Whether a voxel of the array is on the plane."""
        return all(voxel[axis] == index for axis, index in self.across.items())

    def volume(self, data: Any) -> Any:
        """Return the volume that the plane belongs to, out of an array of volumes."""
        if not self.lead:
            return data
        if isinstance(data, np.ndarray):
            return data[self.lead]
        rest = [None] * (len(data.shape) - len(self.lead))
        return LazyArray(data, (*self.lead, *rest), "the image")

    def read(self, data: Any, rows: slice = slice(None)) -> NDArray[Any]:
        """Read these rows of the plane, (rows, columns)."""
        return np.asarray(data[self.key(rows)])

    def indices(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], ...]:
        """Return the indices in the array of pixels of the plane."""
        found = [rows, columns]
        for axis, index in self.across.items():
            found.insert(axis, np.full_like(rows, index))
        return tuple(found)

    def voxel_size(self, size: VoxelSize | None) -> VoxelSize | None:
        """Return a voxel size, in nm along z, y, x, as (across, rows, columns)."""
        if size is None or self.axis is None:
            return size
        own = self.axis - len(self.lead)
        rows, columns = (side for axis, side in enumerate(size) if axis != own)
        return (size[own], rows, columns)

    def shape(self, shape: Sequence[int]) -> tuple[int, int]:
        """Return (rows, columns) of the plane in an array of shape `shape`."""
        rows, columns = (size for axis, size in enumerate(shape) if axis not in self.across)
        return rows, columns

    def neighbours(self, shape: Sequence[int]) -> tuple[Plane, ...]:
        """Return the planes that are likely viewed next, in an array of shape `shape`.

        The most likely comes first.
        """
        if self.axis is None:
            return ()
        positions = (self.position + step for step in (1, -1, 2))
        return tuple(self.at(p) for p in positions if 0 <= p < shape[self.axis])

    def describe(self) -> str:
        """Return its name for the user, e.g. ``"slice 12"`` or ``"slice 12 of volume 3"``."""
        if self.axis is None:
            return "the image"
        if not self.lead:
            return f"slice {self.position}"
        return f"slice {self.position} of {name_volume(self.lead)}"


def name_volume(lead: Sequence[int]) -> str:
    """Return what the user calls one of several volumes: its indices on napari's sliders."""
    return f"volume {', '.join(map(str, lead))}"


def leading_axes(ndim: int) -> int:
    """Return how many axes an array has before those of a volume."""
    return max(0, ndim - VOLUME_AXES)


def full_resolution(layer: Layer) -> Any:
    """Return the layer's array: level 0 of a pyramid, and one colour of an RGB image."""
    data = layer.data
    if layer.multiscale:
        data = data[0]
    if getattr(layer, "rgb", False):
        return first_colour(data, layer.name)
    return data


def shown_plane(viewer: Viewer, layer: Image) -> Plane:
    """Return the plane of an image that the viewer shows.

    Raises
    ------
    UserError
        When it is not a grey image, or the viewer shows no plane of it.
    """
    check_segmentable(layer)
    return plane_shown_of(viewer, layer)


def plane_shown_of(viewer: Viewer, layer: Layer) -> Plane:
    """Return the plane of any layer that the viewer shows.

    Raises
    ------
    UserError
        When it shows none.
    """
    if viewer.dims.ndisplay != 2:
        raise UserError(
            "the viewer shows the volume in 3-D; switch to 2-D (Ctrl+Y) and choose a slice"
        )
    offset = viewer.dims.ndim - layer.ndim
    hidden = [axis for axis in range(layer.ndim) if axis + offset not in viewer.dims.displayed]
    lead = list(range(leading_axes(layer.ndim)))
    if len(hidden) != layer.ndim - 2 or hidden[: len(lead)] != lead:
        raise UserError(
            f"'{layer.name}' is shown edge-on; roll the axes (Ctrl+E) until its planes are shown"
        )
    if not hidden:
        return Plane()
    for axis in hidden:
        check_straight(layer, axis)
    positions = [shown_position(viewer, layer, axis) for axis in hidden]
    return Plane(hidden[-1], positions[-1], tuple(positions[:-1]))


def check_straight(layer: Layer, axis: int) -> None:
    """Check that the planes across an axis of a layer are planes of the viewer.

    Raises
    ------
    UserError
        When the layer is sheared or rotated through them: the viewer shows a section that cuts
        across several.
    """
    corner = np.asarray(layer.data_to_world([0.0] * layer.ndim))
    steps = np.array([layer.data_to_world(step) for step in np.eye(layer.ndim)]) - corner
    if is_tilted(steps, axis):
        raise UserError(
            f"'{layer.name}' is sheared or rotated through its slices; reset its transform, "
            "or save it straight and open that"
        )


def is_tilted(steps: NDArray[Any], axis: int) -> bool:
    """Whether a transform mixes an axis with the others.

    Parameters
    ----------
    steps
        Square; each row is where one step along an axis of the data leads.
    axis
        The axis across the slices.
    """
    across = np.delete(steps[axis], axis)
    along = np.delete(steps[:, axis], axis)
    return bool(
        max(abs(across).max(initial=0), abs(along).max(initial=0)) > 1e-6 * abs(steps).max()
    )


def check_segmentable(layer: Image) -> None:
    """Raise a `UserError` unless a network can segment slices of this layer."""
    if layer.rgb and not is_grey(layer):
        raise UserError(
            f"'{layer.name}' is an RGB image with colours; choose a grey-value layer, "
            "or split it (Layers > Data > Split RGB)"
        )
    if layer.data.dtype.kind not in "uif":
        raise UserError(
            f"'{layer.name}' has {layer.data.dtype} values; choose an image of integers or floats"
        )
    for axis in range(layer.ndim - 2):
        check_straight(layer, axis)


def shown_position(viewer: Viewer, layer: Layer, axis: int) -> int:
    """Return the index along an axis of the layer that the viewer shows.

    Raises
    ------
    UserError
        When the viewer's slider is outside the layer.
    """
    position = round(float(viewer_to_data(viewer, layer, viewer.dims.point)[axis]))
    depth = full_resolution(layer).shape[axis]
    if not 0 <= position < depth:
        raise UserError(f"the slider is outside '{layer.name}'; move it back into the image")
    return position


def viewer_to_data(viewer: Viewer, layer: Layer, position: Sequence[float]) -> NDArray[np.float64]:
    """Return the (fractional) indices in a layer of a position in the viewer.

    The layer may have other units than the viewer.
    """
    point = np.asarray(position[-layer.ndim :], dtype=float)
    return np.asarray(layer.world_to_data(point * _units_of_viewer(viewer, layer)))


def data_to_viewer(viewer: Viewer, layer: Layer, index: Sequence[float]) -> NDArray[np.float64]:
    """Return the position in the viewer, in its units, of an index of a layer."""
    return np.asarray(layer.data_to_world(index)) / _units_of_viewer(viewer, layer)


def _units_of_viewer(viewer: Viewer, layer: Layer) -> NDArray[np.float64]:
    if viewer.dims.units is None:
        return np.ones(layer.ndim)
    world = viewer.dims.units[-layer.ndim :]
    return np.array(
        [
            float((1 * there).to(here).magnitude)
            for there, here in zip(world, layer.units, strict=True)
        ]
    )


def layer_voxel_size(layer: Layer) -> VoxelSize | None:
    """Read the voxel size (z, y, x) in nm from a layer's scale and units; None when unknown.

    A scale in pixels does not determine nanometres, and is never guessed. A size that is not
    plausible is not used.
    """
    size = stated_voxel_size(layer)
    if size is None or not is_plausible(size):
        return None
    return size


def stated_voxel_size(layer: Layer) -> VoxelSize | None:
    """Read what a layer's scale and units say, plausible or not; None when they say nothing."""
    steps = [abs(float(step)) for step in layer.scale[-VOLUME_AXES:]]
    return voxel_size_nm(steps, [str(unit) for unit in layer.units[-VOLUME_AXES:]])


def finest_step(layer: Layer) -> float:
    """Return the smallest scale of the axes of a volume; those before them are not lengths."""
    return float(min(layer.scale[-VOLUME_AXES:]))


def fit_view(viewer: Viewer, layer: Layer) -> None:
    """Show a slice of a layer, and fit the view to it; it may be much smaller than others.

    Old napari cannot fit the view to one layer, and napari 0.9 not to one of fewer axes than the
    others have: then all layers are fitted into the view.
    """
    _go_to(viewer, layer)
    fit = getattr(viewer, "fit_to_view", None)
    if fit is None or "layers" not in signature(fit).parameters:
        return
    if layer.ndim < viewer.dims.ndim:
        viewer.reset_view()
    else:
        fit(layers=[layer])


def _go_to(viewer: Viewer, layer: Layer) -> None:
    """Move the sliders to the middle of a layer where they stand outside of it."""
    low, high = viewer.layers.get_extent([layer]).world
    first = viewer.dims.ndim - len(low)
    for axis in viewer.dims.not_displayed:
        if axis < first:
            continue
        start, end = float(low[axis - first]), float(high[axis - first])
        if not start <= viewer.dims.point[axis] <= end:
            viewer.dims.set_point(axis, (start + end) / 2)


def camera_of(viewer: Viewer) -> Any:
    """Return the camera; since napari 0.9 it belongs to the viewer's scene."""
    if hasattr(viewer, "scene"):
        return viewer.scene.camera
    return viewer.camera
