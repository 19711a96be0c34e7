"""The look of a window as plain JSON: layers, camera, slice.

A project stores it, and opens exactly as it was left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Points, Shapes

from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY
from napari_scsam.gui.layers.instance_classes import OBJECTS_KEY, REVIEWED_KEY
from napari_scsam.gui.layers.locks import lock, locked_labels
from napari_scsam.gui.layers.plane import camera_of

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from numpy.typing import NDArray

PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
LOOK = ("name", "visible", "opacity", "blending")
SETTINGS: Mapping[type[Layer], tuple[str, ...]] = {
    Image: ("contrast_limits", "gamma", "colormap", "interpolation2d"),
    Labels: (
        "contour",
        "n_edit_dimensions",
        "brush_size",
        "contiguous",
        "preserve_labels",
        "show_selected_label",
        "selected_label",
    ),
}
OF_EMPTY = frozenset((*LOOK, *PLACE[:2], "ndim", "units", "metadata"))
"""What napari takes for points or shapes without any data."""

OF_OBJECTS = (OBJECTS_KEY, REVIEWED_KEY)
"""Keys of the metadata of an instance layer that are stored: what its objects are."""

LEFT_OUT = frozenset(
    (
        "properties",
        "property_choices",
        "feature_defaults",
        "experimental_clipping_planes",
        "projection_mode",
    )
)
"""Of points and shapes: repeated by their features, or internal to napari."""


def describe_view(viewer: Viewer, name_of: Callable[[Layer], str | None]) -> dict[str, Any]:
    """Return the look of the window.

    Parameters
    ----------
    viewer
        The window.
    name_of
        Returns the name of a layer in the project; None for one that is not stored.
    """
    described = [describe_layer(layer, name_of(layer)) for layer in viewer.layers]
    layers = [description for description in described if description is not None]
    active = viewer.layers.selection.active
    camera = camera_of(viewer)
    dims = viewer.dims
    return {
        "layers": layers,
        "active": active.name if active is not None else None,
        "mode": str(getattr(active, "mode", "")),
        "camera": {
            "center": plain(camera.center),
            "zoom": float(camera.zoom),
            "angles": plain(camera.angles),
        },
        "dims": {
            "point": plain(dims.point),
            "order": plain(dims.order),
            "ndisplay": int(dims.ndisplay),
        },
    }


def describe_layer(layer: Layer, name: str | None) -> dict[str, Any] | None:
    """Return the look of one layer; None for one that is not stored."""
    if NOT_KEPT_KEY in layer.metadata:
        return None
    if isinstance(layer, Points | Shapes):
        return {"kind": type(layer).__name__.lower(), "state": describe_drawing(layer)}
    settings = SETTINGS.get(type(layer))
    if name is None or settings is None:
        return None
    state = {key: plain(getattr(layer, key)) for key in (*LOOK, *PLACE[:5], *settings)}
    state["units"] = [str(unit) for unit in layer.units]
    state["axis_labels"] = list(layer.axis_labels)
    return {
        "kind": type(layer).__name__.lower(),
        "of": name,
        "state": state,
        "locked": list(locked_labels(layer)),
        **{key: layer.metadata[key] for key in OF_OBJECTS if key in layer.metadata},
    }


def describe_drawing(layer: Points | Shapes) -> dict[str, Any]:
    """Return the data and the look of points or shapes."""
    data, state, _ = layer.as_layer_data_tuple()
    found = {"data": plain(data), "units": [str(unit) for unit in layer.units]}
    for key, value in state.items():
        if key not in LEFT_OUT and key not in found:
            with suppress(TypeError):
                found[key] = plain(value)
    return found


def sound_view(view: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored view without what is damaged; its ``layers`` are complete."""
    layers = view.get("layers")
    if not isinstance(layers, Sequence) or isinstance(layers, str):
        layers = ()
    parts = {key: view[key] for key in ("camera", "dims") if isinstance(view.get(key), Mapping)}
    texts = {key: view[key] for key in ("active", "mode") if isinstance(view.get(key), str)}
    return {**parts, **texts, "layers": [layer for layer in layers if _is_description(layer)]}


def _is_description(layer: Any) -> bool:
    if not isinstance(layer, Mapping) or not isinstance(layer.get("state"), Mapping):
        return False
    named = isinstance(layer["state"].get("name"), str)
    locked = isinstance(layer.get("locked", []), Sequence)
    return named and locked and isinstance(layer.get("kind"), str)


def restore_look(layer: Layer, description: Mapping[str, Any]) -> None:
    """Restore the place, look, settings and locks of a layer.

    What this version of napari refuses stays as it is.
    """
    for key, value in description.get("state", {}).items():
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            needs_tuple = key in ("units", "axis_labels")  # JSON has lists only
            setattr(layer, key, tuple(value) if needs_tuple else value)
    for value in description.get("locked", ()):
        if isinstance(value, int):
            lock(layer, value, locked=True)
    kept = {key: description[key] for key in OF_OBJECTS if key in description}
    if kept:
        layer.metadata = {**layer.metadata, **kept}


def restore_drawing(description: Mapping[str, Any]) -> Layer | None:
    """Create a layer of points or shapes from its description; None when napari cannot."""
    state = dict(description["state"])
    try:
        arrays = _drawn_arrays(state.pop("data"), description["kind"])
    except (ValueError, TypeError, KeyError):
        return None
    if len(arrays) == 0:
        state = {key: value for key, value in state.items() if key in OF_EMPTY}
        arrays = None
    with suppress(ValueError, TypeError, KeyError, IndexError):
        return Layer.create(arrays, state, description["kind"])
    return None


def _drawn_arrays(data: Any, kind: str) -> Any:
    """Return the places of points, or of the corners of shapes."""
    if kind == "shapes":
        return [np.asarray(part, float) for part in data]
    return np.asarray(data, float)


def restore_view(viewer: Viewer, view: Mapping[str, Any]) -> None:
    """Restore the order of the layers, the active layer, the slice and the camera."""
    order = {d["state"]["name"]: number for number, d in enumerate(view.get("layers", ()))}
    for layer in sorted(viewer.layers, key=lambda layer: order.get(layer.name, -1)):
        viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))
    if view.get("active") in viewer.layers:
        active = viewer.layers[view["active"]]
        viewer.layers.selection.active = active
        with suppress(ValueError, AttributeError):
            active.mode = view.get("mode", "pan_zoom")
    _restore_dims(viewer, view.get("dims", {}))
    for key, value in view.get("camera", {}).items():
        with suppress(ValueError, TypeError, AttributeError):
            setattr(camera_of(viewer), key, value)


def _restore_dims(viewer: Viewer, dims: Mapping[str, Any]) -> None:
    with suppress(ValueError, TypeError, KeyError):  # of a damaged project
        if len(dims.get("order", ())) == viewer.dims.ndim:
            viewer.dims.ndisplay = dims["ndisplay"]
            viewer.dims.order = tuple(dims["order"])
            viewer.dims.point = tuple(dims["point"])


def _plain_numbers(value: np.generic | NDArray[Any]) -> Any:
    if value.dtype == object:
        return plain(list(value.flat))
    return value.tolist()


def plain(value: Any) -> Any:
    """Return a value of a layer as plain JSON.

    Raises
    ------
    TypeError
        When JSON cannot hold it.
    """
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return _plain_numbers(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    return _plain_object(value)


def _plain_object(value: Any) -> Any:
    if hasattr(value, "affine_matrix"):
        return plain(value.affine_matrix)
    if hasattr(value, "to_dict"):  # a table of features
        return plain(value.to_dict("list"))
    if hasattr(value, "name"):  # a colour map
        return str(value.name)
    raise TypeError(f"{type(value).__name__} cannot be stored")
