"""The layer that shows what is reviewed in a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, geometry_of
from napari_scsam.project.project import REVIEWED_TABLE, Project
from napari_scsam.project.review import Outlines

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


def find_outlines(viewer: Viewer, project: Project) -> Labels | None:
    """Return the layer that shows what is reviewed, if the viewer has it."""
    for layer in viewer.layers:
        if isinstance(layer.data, Outlines) and layer.data.mask is project.reviewed:
            return layer
    return None


def outlines_layer(image: Image, project: Project) -> Labels:
    """Create the layer that shows what is reviewed; it cannot be painted on."""
    colours = {None: "transparent", 1: REVIEWED_TABLE[0].colour}
    layer = Labels(
        Outlines(project.reviewed),
        name="reviewed",
        opacity=0.9,
        colormap=DirectLabelColormap(color_dict=colours),
        metadata={NOT_KEPT_KEY: True},
        **geometry_of(image),
    )
    layer.editable = False
    return layer
