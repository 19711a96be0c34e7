"""Labels layers for organelles: making them, finding them again, and their class table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pint
import zarr
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_scsam.config import ClassSpec, parse_classes
from napari_scsam.gui.layers.plane import full_resolution
from napari_scsam.io.saved_array import SavedArray

if TYPE_CHECKING:
    from napari.layers import Image, Layer

IN_MEMORY = 2**30
"""Larger label volumes, in bytes, are kept in compressed chunks, where empty ones cost nothing."""

CLASSES = "scsam_classes"
"""Key in ``layer.metadata`` under which a labels layer carries its class table."""

VOXEL_SIZE = "scsam_voxel_size"
"""Key in ``layer.metadata`` for the nm along z, y, x that the user typed, where the layer's units do not say."""

PATH = "scsam_path"
"""Key in ``layer.metadata`` for the file that an image layer shows."""

NOT_KEPT = "scsam_not_kept"
"""Key in ``layer.metadata`` of the plugin's own layers: a project does not keep them, and object tools leave them alone."""

NO_CLASS_COLOUR = "#9a9a9a"


def new_labels(image: Image, classes: Sequence[ClassSpec]) -> Labels:
    """Create an empty labels layer on the same grid and in the same place as an image layer."""
    data = full_resolution(image)
    layer = Labels(
        empty_volume(tuple(data.shape), max(spec.id for spec in classes)),
        name=f"{image.name} organelles",
        opacity=0.5,
        **place_of(image),
    )
    show_classes(layer, classes)
    return layer


def place_of(layer: Layer) -> dict[str, Any]:
    """Return the attributes that put another layer where this one lies, pixel on pixel."""
    names = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
    return {name: getattr(layer, name) for name in names}


def empty_volume(shape: tuple[int, ...], highest: int) -> Any:
    """Create an array of zeros for class ids up to `highest`, in memory or in compressed chunks."""
    dtype = np.min_scalar_type(highest)
    if prod(shape) * dtype.itemsize <= IN_MEMORY:
        return np.zeros(shape, dtype)
    chunks = (*(1,) * (len(shape) - 2), *(min(512, side) for side in shape[-2:]))
    return SavedArray(
        zarr.create_array(
            store=zarr.storage.MemoryStore(), shape=shape, chunks=chunks, dtype=dtype, fill_value=0
        )
    )


def edit_in_memory(layer: Labels) -> None:
    """Put a `SavedArray` before a zarr array that a layer shows, so that it can be edited without waiting for its chunks.

    As in `take_over`, ``layer.data`` is replaced by the same values, so that undo steps still mean the same.
    """
    if isinstance(layer.data, zarr.Array) and not layer.data.read_only:
        layer.data = SavedArray(layer.data)


def show_classes(layer: Labels, classes: Sequence[ClassSpec]) -> None:
    """Return a labels layer its class table: colours, names under the mouse, and the table itself for saving.

    Classes that it knows already stay in the table.
    """
    known = {spec.id: spec for spec in classes_of(layer) or ()} | {
        spec.id: spec for spec in classes
    }
    table = class_table(parse_classes(known.values()))
    layer.colormap = table["colormap"]
    layer.features = table["features"]
    layer.metadata = {**layer.metadata, **table["metadata"]}


def learn_class(layer: Labels, value: int, classes: Sequence[ClassSpec]) -> None:
    """Show the name and colour of a class that a layer's table lacks, where the network's classes have it and nothing contradicts."""
    table = classes_of(layer)
    spec = next((spec for spec in classes if spec.id == value), None)
    if table is None or spec is None or not agree(table, classes):
        return
    if spec.name.casefold() not in {known.name.casefold() for known in table}:
        show_classes(layer, (spec,))


def read_units() -> None:
    """Make napari read its table of units, to be called on the main thread before another thread makes a layer.

    pint reads it when it is first asked for, and answers who asks meanwhile from half a table: ``'pixel' is not defined``.
    """
    pint.application_registry.parse_units("pixel")


def warm_up() -> None:
    """Make napari import what its first labels layer needs (pandas, above all); half a second, so not on the main thread."""
    Labels(np.zeros((1, 1), np.uint8), features={"index": [0]})


def class_table(classes: Sequence[ClassSpec]) -> dict[str, Any]:
    """Return the attributes of a labels layer that carry a class table."""
    return {
        "colormap": class_colormap(classes),
        "features": {
            "index": [0, *(spec.id for spec in classes)],
            "class": ["background", *(spec.name for spec in classes)],
        },
        "metadata": {CLASSES: [spec.to_dict() for spec in classes]},
    }


def class_colormap(classes: Sequence[ClassSpec]) -> DirectLabelColormap:
    """Colour each class as its table says; other values are grey."""
    colours: dict[int | None, str] = {spec.id: spec.colour for spec in classes}
    return DirectLabelColormap(color_dict={None: NO_CLASS_COLOUR, 0: "transparent"} | colours)


def classes_of(layer: Layer) -> tuple[ClassSpec, ...] | None:
    """Return the class table that a labels layer carries, if it has one."""
    table = layer.metadata.get(CLASSES)
    return parse_classes(table) if table else None


def find_labels(
    layers: Iterable[Layer], image: Image, classes: Sequence[ClassSpec]
) -> Labels | None:
    """Find a labels layer to go on with: same grid, same place, and no class id that means something else."""
    for layer in layers:
        if (
            isinstance(layer, Labels)
            and layer.editable
            and same_grid(layer, image)
            and agree(classes_of(layer), classes)
        ):
            return layer
    return None


def same_grid(labels: Labels, image: Image) -> bool:
    """Return whether two layers have the same shape and lie in the same place."""
    shape = tuple(full_resolution(image).shape)
    corners = np.array([(0,) * len(shape), shape])
    return tuple(labels.data.shape) == shape and all(
        np.allclose(labels.data_to_world(corner), image.data_to_world(corner)) for corner in corners
    )


def agree(one: Sequence[ClassSpec] | None, other: Sequence[ClassSpec]) -> bool:
    """Return whether a class table exists and gives no id that both have a different name."""
    names = {spec.id: spec.name for spec in other}
    return one is not None and all(names.get(spec.id, spec.name) == spec.name for spec in one)
