"""Measuring edited objects again: a few at once on the main thread, many on the worker thread."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_scsam.gui.jobs.objects import MeasureRequest, measure_boxes
from napari_scsam.gui.workarounds.timer import Timer
from napari_scsam.objects.boxes import Box, Tally, merge_tallies

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import ArrayLike, NDArray

    from napari_scsam.gui.session import Session
    from napari_scsam.volume.measure.table import ObjectTable

LATER_MS = 120
"""Delay between the last edit and the measurement, so that a stroke is measured once."""

MOST_OBJECTS = 100
MOST_VOXELS = 2**23
"""More objects, or voxels in their boxes, are measured on the worker thread with all others."""


class Listed(Protocol):
    """What is listed of a layer: an `ObjectStore`."""

    layer: Labels | None
    measuring: bool

    @property
    def labels(self) -> NDArray[np.int64]:
        """The labels of all rows."""

    def rows_of(self, labels: ArrayLike) -> NDArray[np.intp]:
        """Return the rows of some objects."""

    def box_of(self, row: int) -> Box:
        """Return the box around an object."""

    def request(self, layer: Labels) -> MeasureRequest:
        """Return what measuring must know of a layer."""

    def merged(self, kept: NDArray[np.bool_], measured: ObjectTable) -> ObjectTable:
        """Return the table with some of its rows, and others."""

    def show(self, table: ObjectTable) -> None:
        """Show another table."""

    def measure(self) -> None:
        """Measure all objects."""


class Remeasuring:
    """Measures what was edited.

    Parameters
    ----------
    store
        Of the table, which gets the new rows.
    session
        Of the viewer.
    """

    def __init__(self, store: Listed, session: Session) -> None:
        self._store = store
        self._edits: list[Tally] = []
        self._timer = Timer(self.measure)
        session.ended.connect(self.cancel)

    def note(self, tally: Tally) -> None:
        """Note an edit."""
        self._edits.append(tally)
        self._timer.start(LATER_MS)

    def cancel(self) -> None:
        """Forget all edits."""
        self._edits.clear()
        self._timer.stop()

    def measure(self) -> None:
        """Measure the objects that were edited."""
        store = self._store
        layer = store.layer
        if layer is None or not self._edits:
            return
        if store.measuring:
            store.measure()  # it may have read what was edited since
            return
        boxes = self._boxes(merge_tallies(self._edits))
        self._edits.clear()
        voxels = sum(prod(side.stop - side.start for side in box) for box in boxes.values())
        if len(boxes) > MOST_OBJECTS or voxels > MOST_VOXELS:
            store.measure()
            return
        measured = measure_boxes(store.request(layer), boxes)
        kept = ~np.isin(store.labels, list(boxes))
        store.show(store.merged(kept, measured))

    def _boxes(self, edits: Tally) -> dict[int, Box]:
        """Return a box for each edited label that holds all of it."""
        boxes = {}
        store = self._store
        for row, value in enumerate(edits.values.tolist()):
            low = edits.low[row]
            high = edits.high[row]
            for known in store.rows_of([value]):
                box = store.box_of(int(known))
                low = np.minimum(low, [side.start for side in box])
                high = np.maximum(high, [side.stop for side in box])
            boxes[value] = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        return boxes
