"""Recognising a step of napari's undo history again, to know whether it was undone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Labels


class StepMark:
    """Marks the newest step of a labels layer, which `Labels.data_setitem` made.

    napari makes a new list of a step that it undoes or redoes, but its arrays stay the same. They
    are held weakly: only the history keeps them in memory. A stroke of the brush that is painted
    meanwhile becomes a part of the step; what was undone meanwhile leaves no step to mark.

    Parameters
    ----------
    layer
        The layer, just after the step.
    """

    def __init__(self, layer: Labels) -> None:
        self._layer = ref(layer)
        self._history = ref(layer._undo_history)  # napari has no public API for this
        newest = []
        if layer._undo_history:
            newest = _arrays(layer._undo_history[-1])
        self._marked = [ref(each) for each in newest[-1:]]
        self._was_undone = False

    def is_undone(self) -> bool:
        """Whether the step was undone.

        After another edit the history knows it no more; then the answer stays what it was. False
        where nobody asked before, and where the history was reset.
        """
        layer = self._layer()
        history = self._history()
        if layer is None or history is None or layer._undo_history is not history:
            return False
        if self._is_in(history):
            self._was_undone = False
        elif self._is_in(layer._redo_history):
            self._was_undone = True
        return self._was_undone

    def _is_in(self, history: Iterable[list[Any]]) -> bool:
        marked = [array() for array in self._marked]
        found = (each for step in history for each in _arrays(step))
        return any(each is array for each in found for array in marked)


def _arrays(step: list[Any]) -> list[NDArray[Any]]:
    """Return the indices along the first axis of each part of a step that `data_setitem` made."""
    first = [atom[0][0] for atom in step if isinstance(atom, tuple)]
    return [each for each in first if isinstance(each, np.ndarray)]  # of a brush, it is a slice
