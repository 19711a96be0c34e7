"""The layer that shows the probability of a class, or its similarity to the class prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, geometry_of

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_scsam.gui.layers.plane import Plane

COLOURMAP = "inferno"


def map_layer(
    image: Image, plane: Plane, values: NDArray[Any], name: str, limits: tuple[float, float]
) -> Image:
    """Create a layer that shows a map on a plane of an image.

    Parameters
    ----------
    image, plane
        Where it is.
    values
        (rows, columns).
    name
        Of the layer.
    limits
        Values that are black and brightest.
    """
    layer = Image(
        plane.expand(values.astype(np.float32)),
        name=name,
        colormap=COLOURMAP,
        contrast_limits=limits,
        opacity=0.7,
        metadata={NOT_KEPT_KEY: True},
        **geometry_of(image),
    )
    layer.translate = image.affine.inverse(image.data_to_world(plane.corner(0, 0)))
    return layer


def add_quietly(viewer: Viewer, layer: Image) -> None:
    """Add a layer below all labels; what is selected stays selected."""
    layers = viewer.layers
    selected = set(layers.selection)
    active = layers.selection.active
    place = next((i for i, other in enumerate(layers) if not isinstance(other, Image)), len(layers))
    layers.insert(place, layer)
    layers.selection = selected
    layers.selection.active = active
