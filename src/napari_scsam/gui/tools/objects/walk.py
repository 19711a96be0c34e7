"""Going through the table from object to object, and marking what is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_scsam.gui.layers.instance_classes import mark_objects, reviewed_objects
from napari_scsam.gui.tools.objects.select import SelectingObjects
from napari_scsam.gui.tools.objects.store import ObjectStore
from napari_scsam.gui.words import group_digits

if TYPE_CHECKING:
    from napari_scsam.gui.session import Session


class WalkingObjects:
    """Walks through the objects shown, in the order of the table; made by ``session.part``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._store = session.part(ObjectStore)
        self._selecting = session.part(SelectingObjects)
        self.order = np.zeros(0, np.intp)
        """The rows in the order in which a table shows them; empty where none does."""

    def next_unreviewed(self) -> None:
        """Go to the next object that is not reviewed; behind the last one, to the first."""
        rows = self._rows()
        if not rows.size:
            self._session.status.emit("No objects are listed. Press Find objects first.")
            return
        open_ones = ~self._store.table["reviewed"][rows]
        if not open_ones.any():
            self._session.status.emit("Every object listed is reviewed.")
            return
        after = np.roll(np.arange(len(rows)), -self._start(rows))
        place = int(after[np.argmax(open_ones[after])])
        self._visit(int(rows[place]), place, rows)

    def mark(self) -> None:
        """Mark the selected objects as reviewed and go on; if all of them are, unmark them."""
        layer = self._store.layer
        labels = self._selecting.labels
        if layer is None or not labels.size:
            self.next_unreviewed()
            return
        all_are = bool(np.isin(labels, reviewed_objects(layer)).all())
        following = self._following()
        mark_objects(layer, labels, reviewed=not all_are)
        self._store.show_reviewed()
        if all_are:
            self._session.status.emit("The marks are taken back.")
        elif following is None:
            self._session.status.emit("Every object listed is reviewed.")
        else:
            self._go(following)

    def _following(self) -> int | None:
        """Return the label of the next object that stays unreviewed once the selected are marked."""
        rows = self._rows()
        if not rows.size:
            return None
        labels = self._store.labels[rows]
        open_ones = ~self._store.table["reviewed"][rows] & ~np.isin(labels, self._selecting.labels)
        if not open_ones.any():
            return None
        after = np.roll(np.arange(len(rows)), -self._start(rows))
        return int(labels[after[np.argmax(open_ones[after])]])

    def _go(self, label: int) -> None:
        rows = self._rows()
        places = np.flatnonzero(self._store.labels[rows] == label)
        if places.size:
            self._visit(int(rows[places[0]]), int(places[0]), rows)

    def _visit(self, row: int, place: int, rows: NDArray[np.intp]) -> None:
        store = self._store
        label = int(store.labels[row])
        self._selecting.select([label])
        self._selecting.go_to_row(row)
        done = int(store.table["reviewed"][rows].sum())
        name = str(store.table["class"][row])
        where = f"{group_digits(place + 1)} of {group_digits(len(rows))}"
        self._session.status.emit(
            f"Object {label} ({name}), {where}; {group_digits(done)} reviewed."
        )

    def _rows(self) -> NDArray[np.intp]:
        """Return the rows to walk through."""
        if self.order.size:
            return self.order
        return np.flatnonzero(self._store.shown)

    def _start(self, rows: NDArray[np.intp]) -> int:
        """Return the place behind the selected object."""
        selected = np.flatnonzero(np.isin(rows, self._selecting.rows))
        if not selected.size:
            return 0
        return int(selected[-1]) + 1
