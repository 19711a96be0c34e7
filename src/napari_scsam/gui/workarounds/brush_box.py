"""Keep the brush from covering what is painted.

In napari 0.9, canvas overlays have a box in the colour of the background. That of the brush's
circle hides the pixels under the brush, and stays in the picture when the brush is put away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import Viewer


def leave_brush_box_out(viewer: Viewer) -> None:
    """Leave the box of the brush's circle out; older versions of napari have none."""
    canvas = getattr(viewer, "canvas", None)
    circle = getattr(getattr(canvas, "overlays", None), "_brush_circle", None)
    if circle is not None and hasattr(circle, "box"):
        circle.box = False
