"""What is done to all selected objects together, as one undo step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_scsam.config import UserError
from napari_scsam.gui.layers.instance_classes import object_classes, set_object_classes
from napari_scsam.gui.layers.locks import locked_labels
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.pointing import LayerPlane
from napari_scsam.gui.tools.correction.correct_work import ObjectWork, check_writable
from napari_scsam.gui.tools.objects.select import SelectingObjects
from napari_scsam.gui.tools.objects.store import ObjectStore
from napari_scsam.gui.words import count_of
from napari_scsam.objects.many import replace_labels

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_scsam.config import ClassSpec
    from napari_scsam.gui.session import Session
    from napari_scsam.objects.tools import Edit

NOTHING = "no object is selected; click one in the table or in the picture"
ALL_LOCKED = "every selected object is locked; unlock one first"


class EditingObjects:
    """Deletes, merges and relabels the selected objects; made by ``session.part``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._store = session.part(ObjectStore)
        self._selecting = session.part(SelectingObjects)
        self._work = session.part(ObjectWork)

    def delete(self) -> None:
        """Turn the selected objects into background."""
        self._work.attempt(self._delete)

    def merge(self) -> None:
        """Change the labels of all selected objects to that of the largest."""
        self._work.attempt(self._merge)

    def relabel(self, spec: ClassSpec) -> None:
        """Make the selected objects another class: each gets a new label of that class."""
        self._work.attempt(partial(self._relabel, spec))

    def _delete(self) -> None:
        layer, labels = self._selected()
        did = f"Deleted {count_of(len(labels), 'object')}"
        self._replace(layer, dict.fromkeys(labels, 0), did)

    def _merge(self) -> None:
        layer, labels = self._selected()
        if len(labels) < 2:
            raise UserError("one object cannot be merged; select another one, too, with Ctrl")
        rows = self._store.rows_of(labels)
        voxels = self._store.table["voxels"][rows]
        largest = int(self._store.labels[rows[int(np.argmax(voxels))]])
        others = [label for label in labels if label != largest]
        did = f"Merged {count_of(len(labels), 'object')} into object {largest}"
        self._replace(layer, dict.fromkeys(others, largest), did, then=[largest])

    def _relabel(self, spec: ClassSpec) -> None:
        layer, labels = self._selected()
        classes = object_classes(layer)
        changed = [label for label in labels if int(classes.ids_of(label)) != spec.id]
        if not changed:
            raise UserError(f"the selected objects are {spec.name} already; choose another class")
        highest = int(self._store.labels.max(initial=0))
        new = classes.unused(len(changed), highest)
        limit = int(np.iinfo(layer.data.dtype).max)
        if new[-1] > limit:
            raise UserError(
                f"all labels up to {limit} are in use; "
                "convert the layer to a larger type (right-click it, Convert data type)"
            )
        set_object_classes(layer, classes.with_labels(new, spec))
        did = f"Made {spec.name} of {count_of(len(changed), 'object')}"
        self._replace(layer, dict(zip(changed, new, strict=True)), did, then=new)

    def _selected(self) -> tuple[Labels, list[int]]:
        """Return the layer, and the labels of the selected objects that are not locked."""
        self._work.check_idle()
        self._store.catch_up()
        layer = self._store.layer
        labels = self._selecting.labels.tolist()
        if layer is None or not labels:
            raise UserError(NOTHING)
        check_writable(layer)
        locked = set(locked_labels(layer))
        free = [label for label in labels if label not in locked]
        if not free:
            raise UserError(ALL_LOCKED)
        return layer, free

    def _replace(
        self, layer: Labels, labels: Mapping[int, int], did: str, then: list[int] | None = None
    ) -> None:
        """Replace labels in the boxes of their objects, as one undo step.

        `then`: what is selected afterwards.
        """
        store = self._store
        boxes = {label: store.box_of(int(row)) for label, row in self._rows(labels)}
        target = LayerPlane(layer, Plane())
        work: Callable[..., object] = partial(replace_labels, labels=labels, boxes=boxes)
        done = partial(self._write, target, did, then)
        self._work.start(target, work, done, whole=True)  # type: ignore[arg-type]

    def _write(self, target: LayerPlane, did: str, then: list[int] | None, edit: Edit) -> None:
        viewer = self._session.viewer
        if viewer is not None and target.layer in viewer.layers:
            viewer.layers.selection.active = target.layer  # Ctrl+Z is for what was just done
        self._work.write(target, did, edit)
        if then is not None:
            self._selecting.select(then)

    def _rows(self, labels: Mapping[int, int]) -> list[tuple[int, int]]:
        rows = self._store.rows_of(list(labels))
        return [(int(self._store.labels[row]), int(row)) for row in rows]
