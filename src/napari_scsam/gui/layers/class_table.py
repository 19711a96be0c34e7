"""Create labels layers for organelles, find them again, and read and show their class table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pint
import pint.errors
import zarr
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from pint.registry import LazyRegistry

from napari_scsam.config import ClassSpec, parse_classes
from napari_scsam.gui.layers.plane import full_resolution
from napari_scsam.gui.workarounds.status_in_3d import keep_status_in_3d
from napari_scsam.io.lazy import LazyArray
from napari_scsam.io.saved.saved_array import SavedArray

if TYPE_CHECKING:
    from napari.layers import Image, Layer

IN_MEMORY = 2**30
"""Larger label volumes, in bytes, are kept in compressed chunks; empty ones take no memory."""

CLASSES_KEY = "scsam_classes"
"""Key in ``layer.metadata`` of a labels layer for its class table."""

VOXEL_SIZE_KEY = "scsam_voxel_size"
"""Key in ``layer.metadata`` for the typed nm along z, y, x, when the layer has no units."""

PATH_KEY = "scsam_path"
"""Key in ``layer.metadata`` for the file that an image layer shows."""

NOT_KEPT_KEY = "scsam_not_kept"
"""Key in ``layer.metadata`` of the plugin's own layers.

Projects do not store them, and object tools do not change them.
"""

NO_CLASS_COLOUR = "#9a9a9a"


def new_labels(image: Image, classes: Sequence[ClassSpec]) -> Labels:
    """Create an empty labels layer on the same grid and at the same place as an image layer."""
    data = full_resolution(image)
    layer = Labels(
        empty_volume(tuple(data.shape), max(spec.id for spec in classes)),
        name=f"{image.name} organelles",
        opacity=0.5,
        **geometry_of(image),
    )
    show_classes(layer, classes)
    return layer


def geometry_of(layer: Layer) -> dict[str, Any]:
    """Return the attributes that put another layer at the same place, pixel on pixel."""
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
    """Wrap a zarr array that a layer shows in a `SavedArray`, so that edits do not wait for chunks.

    As in `take_over`, ``layer.data`` is replaced by the same values, so undo steps stay valid.
    """
    if isinstance(layer.data, zarr.Array) and not layer.data.read_only:
        layer.data = SavedArray(layer.data)


def show_classes(layer: Labels, classes: Sequence[ClassSpec]) -> None:
    """Add classes to the table of a labels layer: colours, names under the mouse, and metadata.

    Classes that are in its table already stay there.
    """
    known = {spec.id: spec for spec in (*(classes_of(layer) or ()), *classes)}
    replace_classes(layer, tuple(known.values()))


def replace_classes(layer: Labels, classes: Sequence[ClassSpec]) -> None:
    """Replace the class table of a labels layer; its values stay as they are.

    Raises
    ------
    UserError
        When two classes share an id or a name, or there are none.
    """
    table = class_table(parse_classes(classes))
    layer.colormap = table["colormap"]
    layer.features = table["features"]
    keep_status_in_3d(layer)
    layer.metadata = {**layer.metadata, **table["metadata"]}


def add_missing_class(layer: Labels, value: int, classes: Sequence[ClassSpec]) -> None:
    """Add a class of the network to a layer's table, if it is missing and fits the table."""
    table = classes_of(layer)
    spec = next((spec for spec in classes if spec.id == value), None)
    if table is None or spec is None or not tables_agree(table, classes):
        return
    if spec.name.casefold() not in {known.name.casefold() for known in table}:
        show_classes(layer, (spec,))


def load_units() -> None:
    """Load napari's table of units aside, and give it to napari where it has none yet.

    It takes a third of a second, so call it on a worker thread. napari's own registry loads on
    first use. Another thread that asks meanwhile sees half of it (``'pixel' is not defined``).
    """
    application: Any = pint.application_registry
    if isinstance(application.get(), LazyRegistry):
        units: Any = pint.UnitRegistry()
        units.parse_units("pixel")
        if isinstance(application.get(), LazyRegistry):  # nobody has begun meanwhile
            application.set(units)


def preload_labels() -> None:
    """Import what napari's first labels layer needs, above all pandas.

    It takes half a second, so call it on a worker thread.
    """
    load_units()
    with suppress(pint.errors.PintError):  # the window is loading the units at this moment
        Labels(np.zeros((1, 1), np.uint8), features={"index": [0]})


def class_table(classes: Sequence[ClassSpec]) -> dict[str, Any]:
    """Return the attributes of a labels layer that hold a class table."""
    return {
        "colormap": class_colormap(classes),
        "features": {
            "index": [0, *(spec.id for spec in classes)],
            "class": ["background", *(spec.name for spec in classes)],
        },
        "metadata": {CLASSES_KEY: [spec.to_dict() for spec in classes]},
    }


def class_colormap(classes: Sequence[ClassSpec]) -> DirectLabelColormap:
    """Return a colormap with the colours of the classes; other values are grey."""
    colours: dict[int | None, str] = {spec.id: spec.colour for spec in classes}
    return DirectLabelColormap(color_dict={None: NO_CLASS_COLOUR, 0: "transparent"} | colours)


def classes_of(layer: Layer) -> tuple[ClassSpec, ...] | None:
    """Return the class table of a labels layer; None if it has none."""
    table = layer.metadata.get(CLASSES_KEY)
    if not table:
        return None
    return parse_classes(table)


def find_labels_layer(
    layers: Iterable[Layer], image: Image, classes: Sequence[ClassSpec]
) -> Labels | None:
    """Return the first editable labels layer on the image's grid whose class ids fit; else None."""
    for layer in layers:
        if (
            isinstance(layer, Labels)
            and can_be_edited(layer)
            and same_grid(layer, image)
            and tables_agree(classes_of(layer), classes)
        ):
            return layer
    return None


def can_be_edited(layer: Layer) -> bool:
    """Whether a layer takes what is written into it; one that is read on demand does not."""
    return bool(layer.editable) and not isinstance(layer.data, LazyArray)


def same_grid(labels: Labels, image: Image) -> bool:
    """Whether two layers have the same shape and the same place."""
    shape = tuple(full_resolution(image).shape)
    if tuple(labels.data.shape) != shape:
        return False
    corners = np.array([(0,) * len(shape), shape])
    return all(
        np.allclose(labels.data_to_world(corner), image.data_to_world(corner)) for corner in corners
    )


def tables_agree(one: Sequence[ClassSpec] | None, other: Sequence[ClassSpec]) -> bool:
    """Whether a class table exists, and ids that both tables have mean the same class."""
    if one is None:
        return False
    names = {spec.id: spec.known_as.casefold() for spec in other}
    return all(
        names.get(spec.id, spec.known_as.casefold()) == spec.known_as.casefold() for spec in one
    )
