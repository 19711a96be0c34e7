"""The layers of a project: labels backed by its arrays, and what the project must know of the image layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.layers.class_table import NOT_KEPT, PATH, new_labels, same_grid
from napari_scsam.gui.layers.files import physical_place
from napari_scsam.gui.layers.plane import check_image, full_resolution
from napari_scsam.gui.project.window_state import restore_look
from napari_scsam.io.saved_array import SavedArray
from napari_scsam.project.image import ImageReference, fingerprint
from napari_scsam.project.project import Project
from napari_scsam.project.start import ImageSource

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_scsam.io.volumes import Volume


def image_source(image: Image | None) -> ImageSource:
    """Tell what a project must know of an image layer.

    Raises
    ------
    UserError
        When there is none, or it is no 2-D or 3-D grey image.
    """
    if image is None:
        raise UserError(
            "there is no image to make a project for; open a file or choose an image layer"
        )
    check_image(image)
    state = {key: getattr(image, key) for key in ("scale", "translate", "units")}
    size, origin = physical_place(state, image.ndim)
    return ImageSource(
        full_resolution(image), image.metadata.get(PATH) or image.source.path, size, origin
    )


def find_image(viewer: Viewer, volume: Volume) -> Image | None:
    """Find the layer that shows a volume opened from a file."""
    images = (
        layer
        for layer in viewer.layers
        if isinstance(layer, Image) and layer.metadata.get(PATH) == str(volume.path)
    )
    return next(
        (image for image in images if tuple(full_resolution(image).shape) == volume.shape), None
    )


def shows_image(layer: Image, reference: ImageReference) -> bool:
    """Return whether a layer shows the image of a project."""
    return (
        has_shape_of(layer, reference)
        and fingerprint(full_resolution(layer)) == reference.fingerprint
    )


def has_shape_of(layer: Image, reference: ImageReference) -> bool:
    """Return whether a layer has the shape of the image of a project."""
    return tuple(full_resolution(layer).shape) == reference.shape


def can_be_kept(layer: Layer, image: Image) -> bool:
    """Return whether a layer holds labels of an image that the user can change."""
    return (
        isinstance(layer, Labels)
        and not layer.multiscale
        and NOT_KEPT not in layer.metadata
        and same_grid(layer, image)
    )


def show_position(viewer: Viewer, layer: Image, axis: int, index: int) -> None:
    """Move the viewer to an index along an axis of a layer."""
    point = [0.0] * layer.ndim
    point[axis] = float(index)
    world = float(layer.data_to_world(point)[axis])
    if viewer.dims.units is not None:
        world *= float((1 * layer.units[axis]).to(viewer.dims.units[axis - layer.ndim]).magnitude)
    viewer.dims.set_point(axis - layer.ndim + viewer.dims.ndim, world)


def new_layer(project: Project, name: str, image: Image, description: Mapping[str, Any]) -> Labels:
    """Create the layer of a label image of the project, looking as it did."""
    classes = project.class_table(name)
    array = project.array(name)
    layer = new_labels(image, classes or (ClassSpec(1, "object"),))
    layer.data = array
    if not classes:  # instances: every object has a colour
        layer.metadata = {}
        layer.features = None
        layer.colormap = Labels(np.zeros((1, 1), np.uint8)).colormap
    array.preload()
    restore_look(layer, description)
    return layer


def remove_layers(viewer: Viewer, path: Path) -> None:
    """Take the layers of a project at this path out of the window, and what the plugin shows beside them."""
    for layer in list(viewer.layers):
        data = layer.data if isinstance(layer, Labels) else None
        own = isinstance(data, SavedArray) and str(path.absolute()) in str(data.stored.store_path)
        if (
            own or NOT_KEPT in layer.metadata
        ) and layer in viewer.layers:  # one that goes may take others with it
            viewer.layers.remove(layer)


def take_over(layer: Labels, array: SavedArray) -> None:
    """Back a layer by an array on disk, which gets what the layer holds.

    The only place where ``layer.data`` is replaced: by the same values on the
    same grid, so that the layer's undo steps still mean the same.
    """
    data = layer.data
    if isinstance(data, np.ndarray):
        array.seed(data if data.dtype == array.dtype else data.astype(array.dtype))
    else:
        for z in range(data.shape[0]):
            if (plane := np.asarray(data[z])).any():
                array[z] = plane
    layer.data = array


def narrow(layer: Labels) -> np.dtype[Any]:
    """Return the smallest unsigned type that holds a layer's labels; its own where some are negative."""
    data = layer.data
    own: np.dtype[Any] = np.dtype(data.dtype)
    if data.dtype.kind == "u" and data.dtype.itemsize <= 2:
        return own
    low = min(int(np.min(data[z])) for z in range(data.shape[0]))
    high = max(int(np.max(data[z])) for z in range(data.shape[0]))
    return own if low < 0 else np.dtype(np.min_scalar_type(high))
