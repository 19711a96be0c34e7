"""What a project shows when it is opened: its layers, and a sentence on how it opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_scsam.config import UserError
from napari_scsam.gui.notify import notify_error
from napari_scsam.gui.project.window_state import restore_drawing
from napari_scsam.project.project import CLASSES, Project

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_scsam.gui.project.project_layers import ProjectLayers
    from napari_scsam.project.start import OpenedProject


def show_layers(
    viewer: Viewer, layers: ProjectLayers, project: Project, view: Mapping[str, Any]
) -> None:
    """Show the labels of a project, and what was drawn; labels that are lost are named.

    Parameters
    ----------
    viewer
        The window.
    layers
        Of the project.
    project
        The project.
    view
        From `sound_view`.
    """
    described = {layer.get("of"): layer for layer in view["layers"]}
    for name in project.label_names:
        if name != CLASSES and name not in described:
            continue
        try:
            layers.add(name, described.get(name, {}))
        except UserError as error:  # lost as a whole; the rest opens
            notify_error(error)
    for drawing in view["layers"]:
        if drawing["kind"] in ("points", "shapes"):
            drawn = restore_drawing(drawing)
            if drawn is not None:
                viewer.add_layer(drawn)


def describe_opening(opened: OpenedProject) -> str:
    """Return how a project opened, as sentences."""
    name = opened.path.name
    project = opened.project
    if project is None:
        return opened.question
    if project.read_only:
        return f"{project.read_only}."
    if opened.damage:
        parts = "; ".join(damage.sentence for damage in opened.damage)
        return f"'{name}' is open, but a part of it is damaged: {parts}."
    if project.folder.repaired:
        files = ", ".join(project.folder.repaired)
        return f"'{name}' is open, as it was left; {files} was damaged and came from its copy."
    return f"'{name}' is open, as it was left."
