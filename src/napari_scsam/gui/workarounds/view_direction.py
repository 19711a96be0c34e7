"""Set the direction of view before the mouse moves in 3-D.

In napari 0.9, a labels layer with features may become active in 3-D before the mouse moves. Then it
raises ``TypeError: len() of unsized object``: the cursor has no direction yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.viewer import Viewer


def set_view_direction(viewer: Viewer, camera: Any) -> None:
    """Set the direction that the cursor of a viewer in 3-D looks in, where it has none.

    `camera`: of the viewer.
    """
    if viewer.dims.ndisplay != 3 or viewer.cursor._view_direction is not None:
        return
    direction = camera.calculate_nd_view_direction(viewer.dims.ndim, viewer.dims.displayed)
    viewer.cursor._view_direction = direction
