"""Single layers of a project: labels backed by its arrays, and the layer of its image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, PATH_KEY, new_labels, same_grid
from napari_scsam.gui.layers.file_place import physical_place
from napari_scsam.gui.layers.instance_classes import OBJECTS_KEY
from napari_scsam.gui.layers.plane import VOLUME_AXES, check_segmentable, full_resolution
from napari_scsam.gui.project.window_state import restore_look
from napari_scsam.io.saved.saved_array import SavedArray
from napari_scsam.project.image import ImageReference, fingerprint
from napari_scsam.project.project import Project
from napari_scsam.project.start import ImageSource

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_scsam.io.volumes import Volume


def image_source(image: Image | None) -> ImageSource:
    """Return what a project must know of an image layer.

    Raises
    ------
    UserError
        When there is none, or it is not a 2-D or 3-D grey image.
    """
    if image is None:
        raise UserError(
            "there is no image to make a project for; open a file or choose an image layer"
        )
    check_segmentable(image)
    if image.ndim > VOLUME_AXES:
        raise UserError(
            f"'{image.name}' has several volumes, and a project holds one; split them "
            "(Layers > Data > Split Stack) and choose one of the layers"
        )
    state = {key: getattr(image, key) for key in ("scale", "translate", "units")}
    size, origin = physical_place(state, image.ndim)
    path = image.metadata.get(PATH_KEY) or image.source.path
    if image.rgb:
        path = None  # its file holds colours: the project keeps the grey values
    return ImageSource(full_resolution(image), path, size, origin)


def find_image(viewer: Viewer, volume: Volume) -> Image | None:
    """Return the layer that shows a volume opened from a file; None when there is none."""
    for layer in viewer.layers:
        if not isinstance(layer, Image) or layer.metadata.get(PATH_KEY) != str(volume.path):
            continue
        if tuple(full_resolution(layer).shape) == volume.shape:
            return layer
    return None


def shows_image(layer: Image, reference: ImageReference) -> bool:
    """Whether a layer shows the image of a project."""
    if not has_shape_of(layer, reference):
        return False
    return fingerprint(full_resolution(layer)) == reference.fingerprint


def has_shape_of(layer: Image, reference: ImageReference) -> bool:
    """Whether a layer has the shape of the image of a project."""
    return tuple(full_resolution(layer).shape) == reference.shape


def can_be_kept(layer: Layer, image: Image) -> bool:
    """Whether a layer holds labels of an image that the user can change."""
    return (
        isinstance(layer, Labels)
        and not layer.multiscale
        and NOT_KEPT_KEY not in layer.metadata
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
    """Create the layer of a label image of the project, with the look it had.

    Parameters
    ----------
    project, name
        The project and the name of its label image.
    image
        The layer of the project's image, for the place.
    description
        How the layer looked; see `describe_layer`.
    """
    classes = project.class_table(name)
    array = project.array(name)
    layer = new_labels(image, classes or (ClassSpec(1, "object"),))
    array.gaps = True
    layer.data = array
    if not classes:  # instances: every object has its own colour
        layer.metadata = {}
        layer.features = None
        layer.colormap = Labels(np.zeros((1, 1), np.uint8)).colormap
    array.preload()
    restore_look(layer, description)
    if project.read_only:
        layer.editable = False
    return layer


def remove_layers(viewer: Viewer, path: Path) -> None:
    """Remove the layers of a project at this path, and what the plugin shows with them."""
    for layer in list(viewer.layers):
        data = layer.data if isinstance(layer, Labels) else None
        own = isinstance(data, SavedArray) and str(path.absolute()) in str(data.stored.store_path)
        if not own and NOT_KEPT_KEY not in layer.metadata:
            continue
        if layer in viewer.layers:  # removing one layer may have removed others
            viewer.layers.remove(layer)


def take_over(layer: Labels, array: SavedArray) -> None:
    """Back a layer by an array on disk, into which the layer's values are written.

    The only place where ``layer.data`` is replaced: by the same values on the same grid, so that
    the layer's undo steps still mean the same.
    """
    data = layer.data
    if isinstance(data, np.ndarray):
        array.seed(data.astype(array.dtype, copy=False))
    else:
        for z in range(data.shape[0]):
            plane = np.asarray(data[z])
            if plane.any():
                array[z] = plane
    layer.data = array


def smallest_dtype(layer: Labels) -> np.dtype[Any]:
    """Return the smallest unsigned type that holds a layer's labels.

    Labels with negative values keep their own type, and objects, which get new labels all the time.
    """
    data = layer.data
    own: np.dtype[Any] = np.dtype(data.dtype)
    if OBJECTS_KEY in layer.metadata:
        return own
    if data.dtype.kind == "u" and data.dtype.itemsize <= 2:
        return own
    low = min(int(np.min(data[z])) for z in range(data.shape[0]))
    high = max(int(np.max(data[z])) for z in range(data.shape[0]))
    if low < 0:
        return own
    return np.dtype(np.min_scalar_type(high))
