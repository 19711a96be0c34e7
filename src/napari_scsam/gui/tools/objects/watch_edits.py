"""Which objects of an instance layer were changed, by whatever writes to it: tools, brush, undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_scsam.gui.tools.correction.label_index import written_labels
from napari_scsam.objects.boxes import Tally, merge_tallies

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.events import Event


class EditWatch:
    """Watches one layer at a time.

    napari tells of painting, but not of an undo or a redo: those are seen by the number of steps
    that can be redone.
    """

    edited = Signal(object)
    """The `Tally` of the labels that were written or overwritten: where they were changed."""
    replaced = Signal()
    """The layer was given another array."""

    def __init__(self) -> None:
        self.layer: Labels | None = None
        self._redoable = 0

    def watch(self, layer: Labels | None) -> None:
        """Watch another layer, or none."""
        old = self.layer
        self.layer = layer
        if old is not None:
            old.events.paint.disconnect(self._on_paint)
            old.events.set_data.disconnect(self._on_shown)
            old.events.data.disconnect(self._on_data)
        if layer is not None:
            self._redoable = len(_steps(layer, "_redo_history"))
            layer.events.paint.connect(self._on_paint)
            layer.events.set_data.connect(self._on_shown)
            layer.events.data.connect(self._on_data)

    def _on_paint(self, event: Event) -> None:
        self._redoable = 0
        self._tell(event.source, [event.value])

    def _on_shown(self, event: Event) -> None:
        """Look for steps that were undone or redone since the last look."""
        layer: Labels = event.source
        redo = _steps(layer, "_redo_history")
        before = self._redoable
        self._redoable = len(redo)
        if len(redo) > before:
            self._tell(layer, redo[before:])
        elif len(redo) < before:
            self._tell(layer, _steps(layer, "_undo_history")[len(redo) - before :])

    def _tell(self, layer: Labels, steps: list[Any]) -> None:
        tallies = list(written_labels(steps, layer.data.shape, old_too=True))
        tallies = [one for one in tallies if one.values.size]
        if tallies:
            self.edited.emit(_merged(tallies))

    def _on_data(self, _event: Event) -> None:
        self.replaced.emit()


def _steps(layer: Labels, history: str) -> list[Any]:
    """Return the steps that can be undone or redone; napari has no public API for this."""
    return list(getattr(layer, history, ()))


def _merged(tallies: list[Tally]) -> Tally:
    if len(tallies) == 1:
        return tallies[0]
    return merge_tallies(tallies)
