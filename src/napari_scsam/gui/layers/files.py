"""napari's reader and writer: EM volumes, and organelle labels, with scale and position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from napari.utils.notifications import show_info
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, UserError, parse_classes, parse_voxel_size
from napari_scsam.errors import saying_os_errors
from napari_scsam.gui.layers.class_table import (
    CLASSES_KEY,
    IN_MEMORY,
    PATH_KEY,
    VOXEL_SIZE_KEY,
    class_table,
)
from napari_scsam.gui.layers.file_place import check_layer_place, lost_place, physical_place
from napari_scsam.gui.layers.plane import VOLUME_AXES
from napari_scsam.io.axes import SeveralError
from napari_scsam.io.contents import is_label_image
from napari_scsam.io.find_labels import listed_labels
from napari_scsam.io.label_header import label_header
from napari_scsam.io.labels import read_class_table, write_labels, writing_labels
from napari_scsam.io.locations import is_address
from napari_scsam.io.read_errors import explaining
from napari_scsam.io.remote.labels import labels_beside
from napari_scsam.io.volumes import Volume, open_labels, open_volume
from napari_scsam.io.zarr_access import is_zarr, ngff_attributes

if TYPE_CHECKING:
    from napari.types import LayerData


MOST_LAYERS = 8
"""Most channels or time points that are shown as layers."""


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Return the reader of one file or folder; npe2 asks by file name."""
    if isinstance(path, str):
        return read_layers
    return None


def read_layers(path: str) -> list[LayerData]:
    """Open a file as napari layers: an image lazily, labels in their classes' colours.

    An OME-Zarr with an image and labels yields both. Several channels or time points are a layer
    each.

    Parameters
    ----------
    path
        Of a file or folder, or an address.

    Raises
    ------
    UserError
        When it cannot be read.
    """
    if is_address(path):
        return _remote_layers(path)
    labels, has_image = label_images(Path(path))
    layers = _image_layers(path) if has_image else []
    return layers + [
        labels_layer_data(open_labels(found), read_class_table(found)) for found in labels
    ]


def _remote_layers(address: str) -> list[LayerData]:
    """Open what is behind an address: an image with its labels, or labels.

    Labels beside an image are hidden until they are wanted, as showing them reads them.
    """
    layers = _image_layers(address)
    if layers[0][-1] == "labels":
        return layers
    for place in labels_beside(address):
        try:
            layers.append(remote_labels_data(open_labels(place), read_class_table(place)))
        except UserError as error:  # the image is there, and so are the other labels
            show_info(str(error))
    names = ", ".join(data[1]["name"] for data in layers if data[-1] == "labels")
    if names:
        show_info(
            f"{layers[0][1]['name']} has labels: {names}. They are hidden; show their layers."
        )
    return layers


def remote_labels_data(
    volume: Volume, classes: Sequence[ClassSpec] | None, *, visible: bool = False
) -> LayerData:
    """Return a layer of labels behind an address, which only what it shows is read of.

    It cannot be edited: what is behind an address is only read.
    """
    data, options, _ = image_layer_data(volume)
    table = class_table(classes) if classes else {}
    return (data, {**options, "opacity": 0.5, "visible": visible, **table}, "labels")


def _image_layers(path: str, **chosen: int) -> list[LayerData]:
    """Open an image; several channels or time points, if not too many, are a layer each."""
    try:
        volume = open_volume(path, **chosen)
    except SeveralError as several:
        if several.count > MOST_LAYERS or several.option in chosen:
            raise
        layers: list[LayerData] = []
        for number in range(several.count):
            layers += _image_layers(path, **{**chosen, several.option: number})
        return layers
    layer = image_layer_data(volume)
    if volume.says_labels and volume.dtype.kind in "iu" and is_address(path):
        layer = remote_labels_data(volume, read_class_table(path), visible=True)
    layer[1]["name"] = " ".join([volume.name, *(f"{k} {n}" for k, n in sorted(chosen.items()))])
    for text in volume.notes:
        show_info(text)
    return [layer]


def label_images(path: Path) -> tuple[list[Path], bool]:
    """Return the label images in a path, and whether it has an image, too."""
    if not (path.is_dir() and is_zarr(path)):
        if is_label_image(path):
            return [path], False
        return [], True
    with explaining(path):
        node = zarr.open(path, mode="r")
        if not isinstance(node, zarr.Group):
            return [], True
        if "image-label" in ngff_attributes(node):
            return [path], False
        names = listed_labels(path)
        has_image = not names or any(name != "labels" for name in node)
    return [path / "labels" / name for name in names], has_image


def image_layer_data(volume: Volume) -> LayerData:
    """Return an image layer, as napari takes it from readers, that reads only what it shows."""
    data: Any = volume.data
    if volume.levels:
        data = [volume.data, *volume.levels]
    metadata = {}
    if volume.path:
        metadata[PATH_KEY] = str(volume.path)
    return (
        data,
        {"multiscale": bool(volume.levels), "metadata": metadata, **volume_geometry(volume)},
        "image",
    )


def labels_layer_data(volume: Volume, classes: Sequence[ClassSpec] | None) -> LayerData:
    """Return a labels layer, as napari takes it from readers; editable in memory unless too big."""
    table = {}
    if classes:
        table = class_table(classes)
    if volume.data.nbytes <= IN_MEMORY:
        return (volume.data[...], {"opacity": 0.5, **volume_geometry(volume), **table}, "labels")
    data, options, _ = image_layer_data(volume)
    return (data, {"opacity": 0.5, **options, **table}, "labels")


def volume_geometry(volume: Volume) -> dict[str, Any]:
    """Return a layer's name and axes, and its scale and position if the voxel size is known."""
    ndim = volume.ndim
    place: dict[str, Any] = {"name": volume.name, "axis_labels": tuple("zyx"[-ndim:])}
    if volume.voxel_size is None:
        return place
    scale = volume.voxel_size[-ndim:]
    translate = volume.origin[-ndim:]
    return {
        **place,
        "scale": scale,
        "translate": translate,
        "units": ("nanometer",) * ndim,
    }


def write_labels_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save a labels layer as OME-Zarr or TIFF, with voxel size, origin and class names.

    Parameters
    ----------
    path
        ``*.zarr`` or ``*.tif``.
    data
        (Y, X), (Z, Y, X) or several volumes (…, Z, Y, X) of integers; of a pyramid, level 0 is
        saved. Of several volumes, each that holds labels is saved as a file: ``NAME_3.zarr``.
    attributes
        The layer's state as napari gives it.

    Raises
    ------
    UserError
        When the labels cannot be stored, or the path cannot be written.
    """
    with saying_os_errors():
        return _write(path, data, attributes)


def _write(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    level = data
    if attributes.get("multiscale"):
        level = data[0]
    check_layer_place(attributes, level.ndim)
    if level.ndim > VOLUME_AXES:
        written = _write_volumes(path, level, attributes)
    else:
        written = [_write_volume(path, level, attributes)]
    for text in lost_place(attributes, level.ndim):
        show_info(text)
    return written


def _write_volume(path: str, level: Any, attributes: dict[str, Any]) -> str:
    metadata = attributes.get("metadata", {})
    classes: tuple[ClassSpec, ...] = ()
    if CLASSES_KEY in metadata:
        classes = parse_classes(metadata[CLASSES_KEY])
    size, origin = physical_place(attributes, level.ndim)
    size = parse_voxel_size(metadata.get(VOXEL_SIZE_KEY)) or size
    if prod(level.shape) * level.dtype.itemsize <= IN_MEMORY or not path.endswith(".zarr"):
        write_labels(path, read_pixels(level, attributes), size, classes, origin=origin)
        return path
    dtype = np.dtype(level.dtype)
    header = label_header("classes", tuple(level.shape), size, classes, origin, dtype)
    with writing_labels(Path(path), header, tuple(level.shape), dtype) as stored:
        for z in range(level.shape[0]):  # larger than the memory
            stored[z] = read_pixels(level[z], attributes)
    return path


def _write_volumes(path: str, level: Any, attributes: dict[str, Any]) -> list[str]:
    """Write each volume that holds labels into a file of its own, and return their paths.

    Raises
    ------
    UserError
        When none holds any.
    """
    file = Path(path)
    written = []
    for lead in np.ndindex(*level.shape[:-VOLUME_AXES]):
        volume = read_pixels(level[lead], attributes)
        if volume.any():
            name = "_".join([file.stem, *map(str, lead)])
            one = file.with_name(f"{name}{file.suffix}")
            written.append(_write_volume(str(one), volume, _of_volume(attributes)))
    if not written:
        raise UserError(f"{attributes.get('name', 'the layer')!r} is empty; segment a slice first")
    return written


def _of_volume(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a layer without the axes before those of a volume."""
    kept = {key: attributes[key] for key in ("name", "metadata") if key in attributes}
    places = {key: attributes[key] for key in ("scale", "translate", "units") if key in attributes}
    return kept | {key: value[-VOLUME_AXES:] for key, value in places.items()}


def read_pixels(data: Any, attributes: dict[str, Any]) -> NDArray[Any]:
    """Read the pixels of a layer, which may be computed, or lie in a file.

    Raises
    ------
    UserError
        When that fails, whatever the library behind it says.
    """
    try:
        return np.asarray(data)
    except (OSError, UserError):
        raise
    except Exception as error:
        name = attributes.get("name", "the layer")
        raise UserError(
            f"the pixels of {name!r} cannot be read ({type(error).__name__}: {error}); "
            "open its file again, or convert the layer to an array"
        ) from error
