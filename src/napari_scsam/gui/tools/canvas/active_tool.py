"""The active tool of a viewer, one at a time: an object tool, a line, the prompts and so on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_scsam.gui.session import Session

PAN_ZOOM = "pan_zoom"


class ActiveTool:
    """Keeps one tool active, and ends it before the next; made by ``session.part(ActiveTool)``."""

    changed = Signal()
    """Another tool is active, or none."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.name = ""
        """Of the active tool; empty for none."""
        self._on_deactivate: Callable[[], object] = lambda: None
        self._layer: Layer | None = None
        self._modes: set[str] = set()
        self._status = ""
        session.ended.connect(self._on_ended)

    def activate(
        self,
        name: str,
        on_deactivate: Callable[[], object],
        layer: Layer | None = None,
        modes: Collection[str] = (),
    ) -> None:
        """Activate a tool; the one before is deactivated.

        Parameters
        ----------
        name
            Of the tool.
        on_deactivate
            Called when it is deactivated.
        layer
            The active layer, if the tool works in that layer only. Then it is deactivated by Esc
            in the layer, by another of napari's modes, and by another active layer.
        modes
            Further modes of the layer that belong to the tool.
        """
        self.deactivate()
        self.name = name
        self._on_deactivate = on_deactivate
        if layer is not None:
            self._watch(layer, modes)
        self.changed.emit()

    def deactivate(self) -> str:
        """Deactivate the tool and withdraw its status.

        Returns
        -------
        name
            Of the tool that was active, so that a second press of its key can cancel it.
        """
        name = self.name
        self.name = ""
        if name:
            self._unwatch()
            self._on_deactivate()
            self.withdraw_status()
            self.changed.emit()
        return name

    def deactivate_if(self, name: str) -> None:
        """Deactivate the tool of this name, if it is active."""
        if self.name == name:
            self.deactivate()

    def show_status(self, text: str) -> None:
        """Show a sentence that is true only while this tool is active."""
        self._status = text
        self._session.status.emit(text)

    def withdraw_status(self) -> None:
        """Remove the sentence shown last, if it is still shown."""
        self._session.status_withdrawn.emit(self._status)
        self._status = ""

    def _watch(self, layer: Layer, modes: Collection[str]) -> None:
        """Deactivate the tool when its layer is left."""
        self._layer = layer
        # Space switches to this mode while it is held, to move the picture.
        self._modes = {str(layer.mode), PAN_ZOOM, *modes}
        layer.bind_key("Escape", lambda _: self.deactivate(), overwrite=True)
        layer.events.mode.connect(self._check_soon)
        viewer = self._session.viewer
        if viewer is not None:
            viewer.layers.selection.events.active.connect(self._check_soon)

    def _unwatch(self) -> None:
        layer = self._layer
        self._layer = None
        if layer is None:
            return
        layer.bind_key("Escape", None)
        layer.events.mode.disconnect(self._check_soon)
        viewer = self._session.viewer
        if viewer is not None:
            viewer.layers.selection.events.active.disconnect(self._check_soon)

    def _check_soon(self) -> None:
        """Check whether the layer was left, after napari has handled the event.

        Napari's layer list breaks when a layer is removed during a click in it.
        """
        QTimer.singleShot(0, self._check)

    def _check(self) -> None:
        viewer = self._session.viewer
        layer = self._layer
        if viewer is None or layer is None:
            return
        if viewer.layers.selection.active is not layer or str(layer.mode) not in self._modes:
            self.deactivate()

    def _on_ended(self) -> None:
        if self._session.window_is_gone:
            self.name = ""
            self._layer = None
            return
        # The dock was closed: the tool's layers and keys would have no effect.
        self.deactivate()
