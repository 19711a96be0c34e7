"""End a drag in a layer before the mouse button is released.

A key that finishes a path in napari leaves the drag unfinished, whose end then looks for the path
that was drawn: ``TypeError`` at the release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.layers import Layer


def end_drag(layer: Layer) -> None:
    """End a drag in a layer: moves and the release do nothing more, until the next press."""
    for drag in layer._mouse_drag_gen.values():
        drag.close()
    layer._mouse_drag_gen.clear()
    layer._persisted_mouse_event.clear()
