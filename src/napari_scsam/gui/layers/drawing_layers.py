"""Creating the layers that prompts are drawn into, and what napari draws in shapes layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Points, Shapes
from napari.utils.colormaps import DirectLabelColormap

from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, geometry_of
from napari_scsam.gui.layers.drawn_marks import INSIDE, OUTSIDE
from napari_scsam.gui.prompts.kinds import BY_SHAPE_TYPE, PromptKind

if TYPE_CHECKING:
    from napari.layers import Image

MARK_COLOURS = {INSIDE: "#21d07a", OUTSIDE: "#ff4d4d"}
PREVIEW_COLOUR = "#ffd93b"

POINT_PIXELS = 10
EDGE_PIXELS = 3
"""Sizes on the screen, at the zoom at which the layers are made."""


def preview_layer(image: Image) -> Labels:
    """Create the layer that shows the object found."""
    layer = Labels(
        np.zeros((1,) * image.ndim, np.uint8), name="object found", opacity=0.6, **_options(image)
    )
    layer.colormap = DirectLabelColormap(color_dict={None: PREVIEW_COLOUR, 0: "transparent"})
    layer.editable = False
    return layer


def strokes_layer(image: Image, screen_pixel: float) -> Shapes:
    """Create the layer for boxes and scribbles; `screen_pixel` is in pixels of the image."""
    return Shapes(
        ndim=image.ndim,
        name="boxes and scribbles",
        property_choices={"side": [INSIDE, OUTSIDE]},
        edge_color=MARK_COLOURS[INSIDE],
        face_color="transparent",
        edge_width=EDGE_PIXELS * screen_pixel,
        **_options(image),
    )


def points_layer(image: Image, screen_pixel: float) -> Points:
    """Create the layer for points; `screen_pixel` is in pixels of the image."""
    return Points(
        ndim=image.ndim,
        name="points",
        property_choices={"side": [INSIDE, OUTSIDE]},
        face_color=MARK_COLOURS[INSIDE],
        border_color="white",
        size=POINT_PIXELS * screen_pixel,
        **_options(image),
    )


def _options(image: Image) -> dict[str, Any]:
    return geometry_of(image) | {"metadata": {NOT_KEPT_KEY: True}}


def being_drawn(layer: Shapes) -> bool:
    """Whether the mouse is drawing a shape.

    Napari announces a shape when it is begun and again when it is finished.
    """
    return bool(getattr(layer, "_is_creating", False))


def remove_slip(layer: Shapes) -> PromptKind | None:
    """Remove the shape drawn last if it was clicked and not dragged, and return its kind."""
    if not len(layer.data):
        return None
    kind = BY_SHAPE_TYPE.get(layer.shape_type[-1])
    if kind is None or not kind.is_slip(layer.data[-1]):
        return None
    layer.selected_data = {len(layer.data) - 1}
    layer.remove_selected()
    return kind
