"""The table of the objects of one layer, kept true while the layer is edited."""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.jobs.objects import LabelsLocation, MeasureRequest, measure_steps
from napari_scsam.gui.layers.class_table import same_grid
from napari_scsam.gui.layers.file_place import physical_place
from napari_scsam.gui.layers.instance_classes import (
    UNKNOWN_CLASS,
    ObjectClasses,
    object_classes,
    reviewed_objects,
    set_object_classes,
)
from napari_scsam.gui.layers.instance_layer import instance_layers, is_instance_layer, was_found
from napari_scsam.gui.layers.plane import full_resolution, layer_voxel_size
from napari_scsam.gui.tools.objects.filters import Filters
from napari_scsam.gui.tools.objects.remeasure import Remeasuring
from napari_scsam.gui.tools.objects.watch_edits import EditWatch
from napari_scsam.gui.workarounds.status_in_3d import keep_status_in_3d
from napari_scsam.gui.workarounds.timer import Timer
from napari_scsam.volume.measure.table import ObjectTable

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.events import Event

    from napari_scsam.gui.session import Session
    from napari_scsam.objects.boxes import Tally

FEATURES_MS = 400
"""Delay between a change of the table and the features of the layer."""

EMPTY = ObjectTable({})


class ObjectStore:
    """Holds the table of the layer that is listed; made by ``session.part(ObjectStore)``."""

    changed = Signal()
    """Another layer, or other rows."""
    filtered = Signal()
    """Other rows pass the filters."""
    staled = Signal()
    """Rows were edited, and are about to be measured again."""
    layers_changed = Signal()
    """Other layers can be listed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.layer: Labels | None = None
        self.table = EMPTY
        self.filters = Filters()
        self.stale: set[int] = set()
        """Labels whose numbers are no longer true."""
        self.measuring = False
        """Whether the whole layer is being measured."""
        self._watch = EditWatch()
        self._watch.edited.connect(self._on_edited)
        self._watch.replaced.connect(self._on_replaced)
        self._remeasuring = Remeasuring(self, session)
        self._timer = Timer(self.write_features)
        session.ended.connect(partial(self._watch.watch, None))
        session.jobs.dropped.connect(self._on_dropped)
        viewer = session.viewer
        if viewer is not None:
            viewer.layers.events.inserted.connect(self._on_inserted)
            viewer.layers.events.removed.connect(self._on_removed)
            found = [layer for layer in instance_layers(viewer.layers) if was_found(layer)]
            if found:
                self.list_layer(found[0])

    # What others ask

    @property
    def layers(self) -> list[Labels]:
        """The layers that can be listed, the topmost first."""
        viewer = self._session.viewer
        if viewer is None:
            return []
        return instance_layers(viewer.layers)

    @property
    def classes(self) -> ObjectClasses:
        """The classes of the objects listed."""
        if self.layer is None:
            return ObjectClasses()
        return object_classes(self.layer)

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Which rows pass the filters."""
        return self.filters.mask(self.table.columns)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The labels of all rows, sorted."""
        if not len(self.table):
            return np.zeros(0, np.int64)
        return self.table["id"]

    def rows_of(self, labels: ArrayLike) -> NDArray[np.intp]:
        """Return the rows of some objects; those without a row are left out."""
        wanted = np.asarray(labels, np.int64)
        if not len(self.table):
            return np.zeros(0, np.intp)
        rows = np.searchsorted(self.labels, wanted)
        rows = np.minimum(rows, len(self.table) - 1)
        found: NDArray[np.intp] = rows[self.labels[rows] == wanted]
        return found

    def box_of(self, row: int) -> tuple[slice, ...]:
        """Return the box around an object, as it was measured last."""
        if self.layer is None:
            return ()
        axes = "zyx"[-self.layer.ndim :]
        ends = [(self.table[f"{a}0_voxel"][row], self.table[f"{a}1_voxel"][row]) for a in axes]
        return tuple(slice(int(start), int(stop)) for start, stop in ends)

    # What the user does

    def list_layer(self, layer: Labels | None) -> None:
        """List the objects of a layer."""
        if layer is self.layer:
            return
        self._forget()
        self.layer = layer
        self._watch.watch(layer)
        self.changed.emit()
        if layer is not None:
            self.measure()

    def filter(self, **changes: Any) -> None:
        """Change what an object must be to be shown."""
        self.filters = replace(self.filters, **changes)
        self.filtered.emit()

    def measure(self) -> None:
        """Measure all objects of the layer."""
        layer = self.layer
        if layer is None:
            return
        self.measuring = True
        self._remeasuring.cancel()
        request = self.request(layer)
        done = partial(self._on_measured, weakref.ref(layer))
        self._session.jobs.submit(Job.MEASURE_OBJECTS, partial(measure_steps, request), done)

    def catch_up(self) -> None:
        """Measure what was edited a moment ago.

        Raises
        ------
        UserError
            When all objects are being measured.
        """
        self._remeasuring.measure()
        if self.stale and not self.measuring:  # their measurement was cancelled
            self.measure()
        if self.measuring:
            raise UserError("the objects are still being measured; try again in a moment")

    def request(self, layer: Labels) -> MeasureRequest:
        """Return what measuring must know of a layer."""
        unknown = UNKNOWN_CLASS if was_found(layer) else layer.name
        return MeasureRequest(layer.data, object_classes(layer), self.place(layer), unknown)

    def place(self, layer: Labels) -> LabelsLocation:
        """Return where a layer is, and the grey values under it."""
        choices = self._session.choices
        state = {key: getattr(layer, key) for key in ("scale", "translate", "units")}
        _, origin = physical_place(state, layer.ndim)
        size = layer_voxel_size(layer) or choices.voxel_size
        image = choices.image
        grey = None
        if image is not None and not image.rgb and same_grid(layer, image):
            grey = full_resolution(image)
        return LabelsLocation(size, origin, grey)

    def show(self, table: ObjectTable) -> None:
        """Show another table of the layer; nothing in it is stale."""
        self.stale.clear()
        self.table = self.with_reviewed(table)
        self.changed.emit()
        self._write_features_soon()

    def merged(self, kept: NDArray[np.bool_], measured: ObjectTable) -> ObjectTable:
        """Return the table with some of its rows, and with rows that were measured again."""
        if not len(self.table):
            return measured
        columns = {}
        for key, values in self.table.columns.items():
            more = measured.columns.get(key, np.full(len(measured), np.nan))
            columns[key] = np.concatenate([values[kept], more])
        return ObjectTable(columns).select(np.argsort(columns["id"], kind="stable"))

    def with_reviewed(self, table: ObjectTable) -> ObjectTable:
        """Return a table with the column of what a person has checked."""
        if self.layer is None or not len(table):
            return table
        reviewed = np.isin(table["id"], reviewed_objects(self.layer))
        return table.with_columns({"reviewed": reviewed})

    def add_columns(self, labels: NDArray[np.int64], columns: Mapping[str, NDArray[Any]]) -> None:
        """Add columns of some objects; others, such as those edited since, have no value there.

        Parameters
        ----------
        labels
            Sorted.
        columns
            One value for each of these labels.
        """
        rows = self.rows_of(labels)
        known = np.isin(labels, self.labels[rows]) & ~np.isin(labels, list(self.stale))
        rows = self.rows_of(labels[known])
        count = len(self.table)
        more = {key: _spread(values[known], rows, count) for key, values in columns.items()}
        self.table = self.table.with_columns(more)
        self.changed.emit()
        self._write_features_soon()

    def show_reviewed(self) -> None:
        """Show which objects are checked now."""
        self.table = self.with_reviewed(self.table)
        self.changed.emit()
        self._write_features_soon()

    def adopt(self, layer: Labels, table: ObjectTable) -> None:
        """List a layer whose table is known."""
        self._forget()
        self.layer = layer
        self._watch.watch(layer)
        self.show(table)

    def name_new_labels(self, tally: Tally) -> None:
        """Set the class of unknown labels to that of the object that they were cut from."""
        layer = self.layer
        if layer is None:
            return
        classes = object_classes(layer)
        values = tally.values.astype(np.int64)
        new = values[classes.ids_of(values) == 0]
        spec = self._class_of_new(classes, values)
        if new.size and spec is not None:
            set_object_classes(layer, classes.with_labels(new.tolist(), spec))

    def _class_of_new(self, classes: ObjectClasses, values: NDArray[np.int64]) -> Any:
        """Return the class of the known objects among some, or the class being worked on."""
        known = classes.ids_of(values)
        known = known[known > 0]
        if known.size:
            number = int(np.bincount(known).argmax())
            return next((spec for spec in classes.classes if spec.id == number), None)
        if not classes.classes:
            return None
        return self._session.choices.active

    # What happens to layers

    def _on_measured(self, layer: weakref.ref[Labels], table: ObjectTable) -> None:
        self.measuring = False
        if layer() is self.layer:
            self.show(table)

    def _on_dropped(self, job: Hashable) -> None:
        """Note that a measurement was cancelled or failed; what was edited stays stale."""
        if job == Job.MEASURE_OBJECTS and not self._session.jobs.busy(Job.MEASURE_OBJECTS):
            self.measuring = False
            self.changed.emit()

    def _on_edited(self, tally: Tally) -> None:
        self.name_new_labels(tally)
        self.stale.update(tally.values.tolist())
        self.staled.emit()
        self._remeasuring.note(tally)

    def _on_replaced(self) -> None:
        self.stale.update(self.labels.tolist())
        self.staled.emit()
        self.measure()

    def _on_inserted(self, event: Event) -> None:
        layer = event.value
        if not is_instance_layer(layer):
            return
        self.layers_changed.emit()
        if self.layer is None and was_found(layer):
            self.list_layer(layer)

    def _on_removed(self, event: Event) -> None:
        if event.value is self.layer:
            self.list_layer(None)
        self.layers_changed.emit()

    def _forget(self) -> None:
        self._remeasuring.cancel()
        self._session.jobs.cancel(Job.MEASURE_OBJECTS)
        self.measuring = False
        self.stale.clear()
        self.table = EMPTY

    # napari's own table

    def _write_features_soon(self) -> None:
        self._timer.start(FEATURES_MS)

    def write_features(self) -> None:
        """Write the columns into the features of the layer, which napari's table shows."""
        layer = self.layer
        if layer is None or not len(self.table):
            return
        columns = {key: values for key, values in self.table.columns.items() if key != "id"}
        layer.features = {"index": self.labels, **columns}
        keep_status_in_3d(layer)


def _spread(values: NDArray[Any], rows: NDArray[np.intp], count: int) -> NDArray[Any]:
    """Return a column with values in some rows; unknown ones make it a column of numbers."""
    if len(rows) == count:
        column = np.empty(count, values.dtype)
    else:
        column = np.full(count, np.nan)
    column[rows] = values
    return column
