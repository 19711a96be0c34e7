"""Keys of the plugin, listed in napari's shortcut preferences, where they can be changed."""

from __future__ import annotations

from napari.components.viewer_model import ViewerModel
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.interactions import Shortcut
from napari.utils.notifications import show_warning
from napari.viewer import Viewer

from napari_scsam.gui.session import Session

SEGMENT = "napari-scsam:segment_slice"

SEGMENT_KEY = "Shift-S"
"""Free in napari's viewer and in all its layers."""


def segment_shown_slice(viewer: Viewer) -> None:
    """Segment the slice shown."""
    session = Session.find(getattr(viewer, "__wrapped__", viewer))
    if session is None:
        show_warning("open the ScSAM widget first (Plugins > ScSAM)")
    else:
        session.segment()


def segment_key() -> str:
    """Give the key to segment with, as the user would read it."""
    chosen = get_settings().shortcuts.shortcuts.get(SEGMENT, [SEGMENT_KEY])
    return Shortcut(chosen[0]).platform if chosen else "no key"


def register_shortcuts() -> None:
    """Tell napari of the keys, unless it knows; a key that the user chose stays."""
    action_manager.register_action(SEGMENT, segment_shown_slice, "Segment the slice shown (ScSAM)", ViewerModel)
    if SEGMENT not in get_settings().shortcuts.shortcuts:
        action_manager.bind_shortcut(SEGMENT, SEGMENT_KEY)
