"""The layer that shows what segmenting would write, before it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, class_colormap, geometry_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_scsam.config import ClassSpec
    from napari_scsam.gui.layers.plane import Plane

NAME = "shown, not written"


class ShownClassLayer:
    """Adds a labels layer with the class ids of one plane of an image; it cannot be edited.

    Parameters
    ----------
    viewer, image
        Where, and on what.
    """

    def __init__(self, viewer: Viewer, image: Image) -> None:
        self._viewer = viewer
        self.image = image
        self.layer = Labels(
            np.zeros((1,) * image.ndim, np.uint8),
            name=NAME,
            opacity=0.6,
            metadata={NOT_KEPT_KEY: True},
            **geometry_of(image),
        )

    def show(self, plane: Plane, labels: NDArray[Any], classes: Sequence[ClassSpec]) -> None:
        """Show class ids, (rows, columns), on a plane; the active layer stays active.

        The layer is added once: napari takes a tenth of a second to add one.
        """
        corner = plane.corner(0, 0)
        self.layer.colormap = class_colormap(classes)
        self.layer.data = plane.expand(labels)
        translate = self.image.affine.inverse(self.image.data_to_world(corner))
        if not np.array_equal(self.layer.translate, translate):
            self.layer.translate = translate
        self.layer.visible = True
        layers = self._viewer.layers
        if self.layer not in layers:
            selected = set(layers.selection)
            active = layers.selection.active
            layers.append(self.layer)
            layers.selection = selected
            layers.selection.active = active
        self.layer.editable = False  # napari makes a layer editable when it gets data

    def conceal(self) -> None:
        """Show nothing until something else is shown."""
        self.layer.visible = False

    def remove(self) -> None:
        """Remove the layer from the viewer."""
        if self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
