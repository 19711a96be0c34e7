"""Keep one viewer from freeing the textures of another.

When a layer is removed, napari 0.9 frees its textures in the OpenGL context that happens to be
current. With two viewers that may be the other viewer's context, where the same numbers name its
own textures: it can never draw again. Closing a viewer removes its layers, with the same effect.
"""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import Viewer


def keep_to_own_canvas(viewer: Viewer) -> None:
    """Make the context of a viewer current before one of its layers is removed."""
    kept = weakref.ref(viewer)

    def on_removing() -> None:
        with suppress(AttributeError, RuntimeError):  # another napari, or a window that is gone
            kept().window._qt_viewer.canvas._scene_canvas.set_current()  # type: ignore[union-attr]

    viewer.layers.events.removing.connect(on_removing)
