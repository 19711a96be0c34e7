"""Ctrl+Z and Ctrl+Shift+Z in labels layers.

They say which slices they changed, as these may not be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np
from napari.layers import Labels
from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY
from napari_scsam.gui.layers.plane import name_volume, plane_shown_of
from napari_scsam.gui.layers.strokes import REDO, UNDO

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.utils.events import Event

    from napari_scsam.gui.session import Session


class Undoing:
    """Undo and redo for the labels layers of one viewer; made by ``session.part(Undoing)``."""

    stepped = Signal(object)
    """A step was undone or redone in this layer."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._bound: WeakSet[Layer] = WeakSet()
        viewer = session.viewer
        if viewer is not None:
            for layer in viewer.layers:
                self._bind(layer)
            viewer.layers.events.inserted.connect(self._on_inserted)
        session.ended.connect(self._unbind)

    def undo(self, layer: Labels | None) -> None:
        """Undo the last edit of a layer."""
        self._step(layer, "undo", "Undone", "_undo_history")

    def redo(self, layer: Labels | None) -> None:
        """Redo what was undone last."""
        self._step(layer, "redo", "Redone", "_redo_history")

    def reach_through(self, drawn: Layer, labels: Callable[[], Labels | None]) -> None:
        """Make the keys, pressed in a layer that is drawn in, undo and redo in the labels.

        Parameters
        ----------
        drawn
            The layer that something is being drawn in.
        labels
            Returns the labels that it is drawn for.
        """
        self._keys(drawn, lambda _: self.undo(labels()), lambda _: self.redo(labels()))

    def _step(self, layer: Labels | None, what: str, done: str, history: str) -> None:
        steps = getattr(layer, history, ())  # napari has no public API for this
        if layer is None or not steps:
            self.session.status.emit(f"There is nothing to {what}.")
            return
        where = self._describe(layer, steps[-1])
        getattr(layer, what)()
        self.session.outputs.note_undone(layer)
        self.stepped.emit(layer)
        self.session.status.emit(f"{done}{where}.")

    def _describe(self, layer: Labels, step: Iterable[Any]) -> str:
        """Return which slices an edit changes, and which one is shown if it is another."""
        viewer = self.session.viewer
        if viewer is None:
            return ""
        try:
            shown = plane_shown_of(viewer, layer)
        except UserError:
            return ""
        step = list(step)
        found = {axis: slices_of(step, axis, layer.data.shape) for axis in shown.across}
        ends = {axis: each for axis, each in found.items() if each is not None}
        if not ends:
            return ""
        where = _name_slices(list(ends.values()))
        is_shown = [first <= shown.across[axis] <= last for axis, (first, last) in ends.items()]
        if all(is_shown):
            return where
        return f"{where} (you are on {shown.describe()})"

    def _bind(self, layer: Layer) -> None:
        if not isinstance(layer, Labels) or NOT_KEPT_KEY in layer.metadata or layer in self._bound:
            return
        self._keys(layer, self.undo, self.redo)

    def _keys(self, layer: Layer, undo: Callable[[Any], None], redo: Callable[[Any], None]) -> None:
        layer.bind_key(UNDO, undo, overwrite=True)
        layer.bind_key(REDO, redo, overwrite=True)
        self._bound.add(layer)

    def _on_inserted(self, event: Event) -> None:
        self._bind(event.value)

    def _unbind(self) -> None:
        """Restore napari's own keys."""
        viewer = self.session.viewer
        if viewer is not None:
            viewer.layers.events.inserted.disconnect(self._on_inserted)
        for layer in self._bound:
            for key in (UNDO, REDO):
                layer.bind_key(key, None)
        self._bound.clear()


def _name_slices(ends: list[tuple[int, int]]) -> str:
    """Return where an edit is, from its first and last index along each axis; last the slices."""
    *volumes, (first, last) = ends
    where = f" on slice {first}"
    if first < last:
        where = f" on slices {first}–{last}"
    if volumes and all(low == high for low, high in volumes):
        where = f"{where} of {name_volume([low for low, _ in volumes])}"
    return where


def slices_of(step: Iterable[Any], axis: int, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Return the first and last index along an axis that an undo step of napari changes.

    Parameters
    ----------
    step
        Masks in a box, or single voxels, as napari keeps them.
    axis, shape
        The axis, and the shape of the layer.
    """
    ends = [end for atom in step for end in _ends_of(atom, axis, shape[axis])]
    if not ends:
        return None
    return min(ends), max(ends)


def _ends_of(atom: Any, axis: int, size: int) -> tuple[int, ...]:
    """Return the first and last index of one part of an undo step; nothing for an empty one."""
    if hasattr(atom, "slice_key"):
        start, stop, _ = atom.slice_key[axis].indices(size)
        return start, stop - 1
    indices = atom[0][axis]
    if not np.size(indices):
        return ()
    return int(np.min(indices)), int(np.max(indices))
