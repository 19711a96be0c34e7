"""Commands of napari's menus that open a page of the widget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.viewer import Viewer

from napari_scsam.gui.opening import OpeningWidget

if TYPE_CHECKING:
    from napari_scsam.gui.widget import ScSAMWidget

PLUGIN = "napari-scsam"
WIDGET = "Segment organelles"


def open_objects(viewer: Viewer) -> None:
    """Open the page *Objects*, in the widget that is open or in a new one."""
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    if not isinstance(widget, OpeningWidget):
        return
    if widget.panel is not None:
        _show_objects(widget.panel)
    else:
        widget.opened.connect(_show_objects)


def _show_objects(panel: ScSAMWidget) -> None:
    from napari_scsam.gui.widget import OBJECTS

    panel.tabs.show_page(OBJECTS)
