"""Keeps one viewer from freeing the textures of another.

When a layer goes, napari 0.9 frees what the graphics card holds of it in
whatever context happens to be current. With two viewers that may be the
other's, where the same numbers name its own textures: it never draws again, and
every attempt is an error. Closing a viewer removes its layers, and so does it, too.
"""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import Viewer


def keep_to_own_canvas(viewer: Viewer) -> None:
    """Create the context of a viewer the current one before one of its layers goes."""
    kept = weakref.ref(viewer)

    def on_removing() -> None:
        with suppress(AttributeError, RuntimeError):  # another napari, or a window that is gone
            kept().window._qt_viewer.canvas._scene_canvas.set_current()  # type: ignore[union-attr]

    viewer.layers.events.removing.connect(on_removing)
