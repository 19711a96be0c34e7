"""Locking classes and objects, so that neither the model nor an object tool changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.layers.locks import lock, locked_labels, protect_locked
from napari_scsam.gui.layers.pointing import labels_layer, shown_layer_plane, voxel_under_mouse
from napari_scsam.gui.tools.correction.correct_work import ObjectWork

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_scsam.gui.session import Session

NO_OBJECT = "there is no object under the mouse; point at one of the class to lock"


class Locking:
    """The locks in one viewer; made by ``session.part(Locking)``.

    Locked labels are protected from the model as soon as it is made.
    """

    changed = Signal()
    """Another label is locked or unlocked."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._status = session.part(ObjectWork).status
        session.protect("locked", protect_locked)

    @property
    def locks(self) -> tuple[tuple[int, str, bool], ...]:
        """Number and name of each class, or of each locked object, and whether it is locked."""
        viewer = self._session.viewer
        if viewer is None:
            return ()
        try:
            layer = labels_layer(viewer)
        except UserError:
            return ()
        locked = locked_labels(layer)
        names = {spec.id: spec.name for spec in classes_of(layer) or ()}
        order = [spec.id for spec in self._session.choices.classes]
        place = {number: index for index, number in enumerate(order)}
        values = sorted({*names, *locked}, key=lambda v: (place.get(v, len(place)), v))
        return tuple((v, names.get(v, f"object {v}"), v in locked) for v in values)

    def toggle(self, viewer: Viewer) -> None:
        """Lock or unlock the label that the mouse points at."""
        target = shown_layer_plane(viewer)
        value = int(target.layer.data[voxel_under_mouse(viewer, target)])
        if not value:
            raise UserError(NO_OBJECT)
        self.set_locked(value, locked=value not in locked_labels(target.layer))

    def set_locked(self, value: int, *, locked: bool) -> None:
        """Lock a label of the layer that is corrected, or unlock it."""
        viewer = self._session.viewer
        if viewer is None:
            return
        target = shown_layer_plane(viewer)
        lock(target.layer, value, locked=locked)
        name = target.label_name(value)
        if locked:
            status = f"Locked {name}: neither the model nor an object tool changes it."
        else:
            status = f"Unlocked {name}: it can be changed again."
        self._status.emit(status)
        self.changed.emit()
