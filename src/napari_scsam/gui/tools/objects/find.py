"""Finding the objects of the class labels, into a layer of their own."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.jobs.objects import FindRequest, FoundObjects, find_objects_steps
from napari_scsam.gui.layers.class_table import VOXEL_SIZE_KEY, classes_of
from napari_scsam.gui.layers.instance_classes import (
    REVIEWED_KEY,
    set_object_classes,
)
from napari_scsam.gui.layers.instance_layer import (
    add_behind,
    instance_layers,
    new_instance_layer,
    was_found,
)
from napari_scsam.gui.layers.locks import locked_labels
from napari_scsam.gui.layers.plane import VOLUME_AXES
from napari_scsam.gui.layers.pointing import labels_layer
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.tools.objects.store import ObjectStore
from napari_scsam.gui.words import count_of, list_names

if TYPE_CHECKING:
    from napari.layers import Image, Labels

    from napari_scsam.gui.session import Session

NO_LABELS = "there are no class labels to find objects in; segment some slices first"

SEVERAL_VOLUMES = (
    "'{}' has several volumes; split them (Layers > Data > Split Stack) and find the objects of one"
)

SOURCE_KEY = "scsam_objects_of"
"""Key in ``layer.metadata`` for the name of the class layer that objects were found in."""


class FindingObjects:
    """Finds objects; made by ``session.part(FindingObjects)``."""

    changed = Signal()
    """Another setting."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._store = session.part(ObjectStore)
        self._keeper = session.part(ProjectKeeper)
        self.split = False
        """Whether objects that touch are split."""
        self._hidden: weakref.ref[Labels] | None = None
        """The class layer that was hidden for its objects."""
        self._sources: weakref.WeakKeyDictionary[Labels, weakref.ref[Labels]] = (
            weakref.WeakKeyDictionary()
        )
        """The class layer that the objects of a layer were found in."""
        session.about_to_write.connect(self._show_labels)

    def set_split(self, split: bool) -> None:
        """Choose whether objects that touch are split."""
        self.split = split
        self.changed.emit()

    @property
    def possible(self) -> bool:
        """Whether there are class labels to search."""
        return self._source() is not None

    def is_of_another(self, layer: Labels) -> bool:
        """Whether the objects of a layer were found in the labels of another image."""
        source = self._sources.get(layer)
        return source is not None and source() is not self._session.labels

    def find(self) -> None:
        """Find the objects of the class labels, on the worker thread."""
        source = self._source()
        if source is None:
            self._session.report_error(UserError(NO_LABELS))
            return
        if source.ndim > VOLUME_AXES:
            self._session.report_error(UserError(SEVERAL_VOLUMES.format(source.name)))
            return
        classes = classes_of(source) or ()
        request = FindRequest(source.data, classes, self._store.place(source), self.split)
        done = partial(self._on_found, weakref.ref(source))
        steps = partial(find_objects_steps, request)
        self._session.jobs.submit(Job.FIND_OBJECTS, steps, done)

    def _source(self) -> Labels | None:
        """Return the class layer to search: of the image, else the one that is worked on."""
        labels = self._session.labels or self._keeper.labels
        viewer = self._session.viewer
        if labels is not None or viewer is None:
            return labels
        try:
            layer = labels_layer(viewer)
        except UserError:
            return None
        return layer if classes_of(layer) else None

    def _on_found(self, source: weakref.ref[Labels], found: FoundObjects) -> None:
        viewer = self._session.viewer
        labels = source()
        if viewer is None or labels is None or labels not in viewer.layers:
            return
        layer = self._free_layer(labels)
        if layer is None:
            layer = self._new_layer(labels, found)
            add_behind(viewer, layer)
        else:
            self._write(layer, found)
        self._sources[layer] = source
        viewer.layers.selection.active = layer  # the object tools work on the active layer
        labels.visible = False  # the objects are its pixels, in other colours
        self._hidden = weakref.ref(labels)
        self._store.adopt(layer, found.table)
        self._session.status.emit(_describe(found))

    def _show_labels(self, _image: Image) -> None:
        """Show the class labels again when something is about to be written into them."""
        labels = None
        if self._hidden is not None:
            labels = self._hidden()
        self._hidden = None
        if labels is not None:
            labels.visible = True

    def _new_layer(self, labels: Labels, found: FoundObjects) -> Labels:
        """Create a layer; the objects that were found and edited before stay in theirs."""
        layer = new_instance_layer(labels, found.labels, found.classes)
        more = {SOURCE_KEY: labels.name}
        if VOXEL_SIZE_KEY in labels.metadata:
            more[VOXEL_SIZE_KEY] = labels.metadata[VOXEL_SIZE_KEY]
        layer.metadata = {**layer.metadata, **more}
        for other in self._found_in(labels):
            other.visible = False
        return layer

    def _found_in(self, labels: Labels) -> list[Labels]:
        """Return the layers of objects of a class layer."""
        viewer = self._session.viewer
        if viewer is None:
            return []
        return [
            layer
            for layer in instance_layers(viewer.layers)
            if was_found(layer)
            and layer.data.shape == labels.data.shape
            and self._may_be_of(layer, labels)
        ]

    def _may_be_of(self, layer: Labels, labels: Labels) -> bool:
        """Whether objects were found in a class layer; those of a file name it, if anything."""
        source = self._sources.get(layer)
        if source is not None:
            return source() is labels
        return bool(layer.metadata.get(SOURCE_KEY, labels.name) == labels.name)

    def _free_layer(self, labels: Labels) -> Labels | None:
        """Return the layer of an earlier search that nobody has edited, marked or locked."""
        for layer in self._found_in(labels):
            worked_on = layer.metadata.get(REVIEWED_KEY) or locked_labels(layer)
            if layer.editable and not worked_on and not _is_edited(layer):
                return layer
        return None

    def _write(self, layer: Labels, found: FoundObjects) -> None:
        """Replace the objects of an earlier search."""
        for z in range(found.labels.shape[0]):
            layer.data[z] = found.labels[z]
        set_object_classes(layer, found.classes)
        layer.visible = True
        layer.refresh(extent=False)


def _is_edited(layer: Labels) -> bool:
    """Whether a layer has steps to undo or redo; napari has no public API for this."""
    history: Any = (getattr(layer, "_undo_history", ()), getattr(layer, "_redo_history", ()))
    return any(len(steps) for steps in history)


def _describe(found: FoundObjects) -> str:
    names = found.table["class"]
    counts = [
        count_of(int((names == spec.name).sum()), spec.name, f"× {spec.name}")
        for spec in found.classes.classes
        if (names == spec.name).any()
    ]
    return f"Found {count_of(len(found.table), 'object')}: {list_names(counts)}."
