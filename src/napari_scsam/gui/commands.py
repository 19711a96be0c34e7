"""Commands of napari's menus that open a page of the widget."""

from __future__ import annotations

from napari.viewer import Viewer

from napari_scsam.gui.widget import OBJECTS, ScSAMWidget

PLUGIN = "napari-scsam"
WIDGET = "Segment organelles"


def open_objects(viewer: Viewer) -> None:
    """Open the page *Objects*, in the widget that is open or in a new one."""
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    if isinstance(widget, ScSAMWidget):
        widget.tabs.show_page(OBJECTS)
