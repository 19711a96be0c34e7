"""napari's reader and writer: EM volumes in, organelle labels in and out, with their place in the world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from napari_scsam.config import ClassSpec, VoxelSize, parse_classes
from napari_scsam.gui.layers.class_table import (
    CLASSES_KEY,
    IN_MEMORY,
    PATH_KEY,
    VOXEL_SIZE_KEY,
    class_table,
)
from napari_scsam.io.find_labels import listed_labels
from napari_scsam.io.labels import create_labels, finish_labels, read_class_table, write_labels
from napari_scsam.io.lazy import READ_ERRORS, cannot_open
from napari_scsam.io.units import to_nm, voxel_size_nm
from napari_scsam.io.volumes import Volume, open_labels, open_volume
from napari_scsam.io.zarr_access import is_zarr, ngff_attributes

if TYPE_CHECKING:
    from napari.types import LayerData


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Offer to read one file or folder; npe2 asks by file name."""
    return read_layers if isinstance(path, str) else None


def read_layers(path: str) -> list[LayerData]:
    """Open a file as napari layers: an image lazily, labels in their classes' colours.

    An OME-Zarr with an image and labels gives both.

    Raises
    ------
    UserError
        When it cannot be read; one sentence says why.
    """
    labels, has_image = label_images(Path(path))
    layers = [image_layer_data(open_volume(path))] if has_image else []
    return layers + [labels_layer_data(open_labels(found), read_class_table(found)) for found in labels]


def label_images(path: Path) -> tuple[list[Path], bool]:
    """Find the label images in a path, and tell whether there is an image beside them."""
    if not (path.is_dir() and is_zarr(path)):
        is_labels = path.is_file() and read_class_table(path) is not None
        return [path] * is_labels, not is_labels
    try:
        node = zarr.open(path, mode="r")
    except READ_ERRORS as error:
        raise cannot_open(path, error) from error
    if not isinstance(node, zarr.Group):
        return [], True
    if "image-label" in ngff_attributes(node):
        return [path], False
    names = listed_labels(path)
    return [path / "labels" / name for name in names], not names or any(
        name != "labels" for name in node
    )


def image_layer_data(volume: Volume) -> LayerData:
    """Lay out a volume as an image layer that reads what it shows."""
    data = [volume.data, *volume.levels] if volume.levels else volume.data
    metadata = {PATH_KEY: str(volume.path)} if volume.path else {}
    return (
        data,
        {"multiscale": bool(volume.levels), "metadata": metadata, **volume_geometry(volume)},
        "image",
    )


def labels_layer_data(volume: Volume, classes: Sequence[ClassSpec] | None) -> LayerData:
    """Lay out labels as a labels layer: in memory, where they can be edited, unless they are too big for that."""
    table = class_table(classes) if classes else {}
    if volume.data.nbytes <= IN_MEMORY:
        return (volume.data[...], {"opacity": 0.5, **volume_geometry(volume), **table}, "labels")
    data, options, _ = image_layer_data(volume)
    return (data, {"opacity": 0.5, **options, **table}, "labels")


def volume_geometry(volume: Volume) -> dict[str, Any]:
    """Return a layer's name, and its place in the world where the voxel size is known."""
    if volume.voxel_size is None:
        return {"name": volume.name}
    ndim = volume.ndim
    scale = volume.voxel_size[-ndim:]
    translate = volume.origin[-ndim:]
    return {
        "name": volume.name,
        "scale": scale,
        "translate": translate,
        "units": ("nanometer",) * ndim,
    }


def write_labels_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save a labels layer as OME-Zarr or TIFF, with its voxel size, origin and class names.

    Parameters
    ----------
    path
        ``*.zarr`` or ``*.tif``.
    data
        (Y, X) or (Z, Y, X) integers; of a pyramid, level 0 is saved.
    attributes
        The layer's state as napari gives it.

    Raises
    ------
    UserError
        When the labels or the place will not do.
    """
    level = data[0] if attributes.get("multiscale") else data
    metadata = attributes.get("metadata", {})
    classes = parse_classes(metadata[CLASSES_KEY]) if CLASSES_KEY in metadata else ()
    size, origin = physical_place(attributes, level.ndim)
    size = metadata.get(VOXEL_SIZE_KEY) or size
    if prod(level.shape) * level.dtype.itemsize <= IN_MEMORY or not path.endswith(".zarr"):
        write_labels(path, np.asarray(level), size, classes, origin=origin)
    else:
        stored = create_labels(path, level.shape, size, classes, dtype=level.dtype, origin=origin)
        for z in range(level.shape[0]):
            stored[z] = np.asarray(level[z])
        finish_labels(path)
    return [path]


def physical_place(
    attributes: dict[str, Any], ndim: int
) -> tuple[VoxelSize | None, tuple[float, float, float]]:
    """Read voxel size and origin, nm along z, y, x, from a layer's state; no size where its units do not say."""
    scale = attributes.get("scale", (1.0,) * ndim)
    translate = attributes.get("translate", (0.0,) * ndim)
    units = [str(unit) for unit in attributes.get("units", ("pixel",) * ndim)]
    size = voxel_size_nm([abs(float(step)) for step in scale], units)
    shift = [to_nm(float(by), unit) or 0.0 for by, unit in zip(translate, units, strict=True)]
    z, y, x = [0.0] * (3 - ndim) + shift
    return size, (z, y, x)
