"""Keep napari's brush to one mouse button, so that every stroke ends when it is released.

In napari 0.9, the right button starts a stroke that ends with another click. It paints while the
mouse only moves. A second button during a stroke leaves the first one unfinished.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from napari.layers.labels._labels_constants import Mode
from napari.layers.labels._labels_mouse_bindings import draw

if TYPE_CHECKING:
    from napari.layers import Labels

LEFT = 1


def paint_with_left_button(layer: Labels) -> None:
    """Paint, erase and fill in a layer with the left button alone."""
    ours = dict.fromkeys((Mode.PAINT, Mode.ERASE, Mode.FILL), draw_with_left_button)
    layer._drag_modes = {**layer._drag_modes, **ours}  # before the layer takes one of the modes
    layer.events.mode.connect(_end_right_strokes)
    _disable_right_strokes(layer)


def draw_with_left_button(layer: Labels, event: Any) -> Generator[None, None, None]:
    """Paint as napari does, from a press of the left button to its release."""
    if event.button != LEFT:
        return
    finish_stroke(layer)
    yield from draw(layer, event)


def finish_stroke(layer: Labels) -> None:
    """End a stroke whose release was lost, as in another window."""
    unfinished = layer._mouse_drag_gen.pop(draw_with_left_button, None)
    if unfinished is not None:
        layer._persisted_mouse_event.pop(unfinished, None)
        unfinished.close()
    layer._commit_staged_history()


def _end_right_strokes(event: Any) -> None:
    _disable_right_strokes(event.source)


def _disable_right_strokes(layer: Labels) -> None:
    overlay = layer._overlays.get("brush_stroke")
    if overlay is not None:
        overlay.enabled = False
