"""Showing the probability of the class being worked on, or its similarity to the prompt."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.class_map import LIMITS, ClassMap, MapKind, class_map_steps
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.layers.class_map import add_quietly, map_layer

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_scsam.config import ClassSpec
    from napari_scsam.gui.session import Session


class ShowingMap:
    """Shows a map of the active class on the slice shown; made by ``session.part(ShowingMap)``.

    It follows the class and the slice while it is on.
    """

    changed = Signal()
    """Another `kind` was chosen."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._layer: Image | None = None
        self._shown: tuple[object, ...] | None = None
        self.kind = MapKind.NOTHING
        choices = session.choices
        choices.choices_changed.connect(self._update)
        choices.image_changed.connect(self._update)
        choices.checkpoint_changed.connect(self._update_again)
        session.ended.connect(self._remove)
        viewer = session.viewer
        if viewer is not None:
            viewer.dims.events.point.connect(self._update)
            viewer.dims.events.order.connect(self._update)
            viewer.dims.events.ndisplay.connect(self._update)

    def choose(self, kind: MapKind) -> None:
        """Choose what is shown, from now on."""
        self.kind = kind
        self._update_again()
        self.changed.emit()

    def _update_again(self) -> None:
        self._shown = None
        self._update()

    def _update(self) -> None:
        choices = self._session.choices
        spec = choices.active
        if self.kind is MapKind.NOTHING or spec is None or not choices.can_segment(spec):
            self._remove()
            return
        try:
            request = self._session.request()
        except UserError:
            self._remove()
            return
        wanted = (request.embedding, spec, self.kind)
        if wanted == self._shown:
            return
        self._remove()
        self._shown = wanted
        steps = partial(class_map_steps, self._session.engine, request, spec, self.kind)
        self._session.jobs.submit(Job.SHOW_MAP, steps, self._on_map)

    def _on_map(self, found: ClassMap) -> None:
        viewer = self._session.viewer
        image = self._session.choices.image_of(found.request.volume)
        wanted = (found.request.embedding, found.spec, found.kind)
        if viewer is None or image is None or wanted != self._shown:
            return
        self._take_layer()
        name = f"{found.kind}: {found.spec.name}"
        plane = found.request.plane
        self._layer = map_layer(image, plane, found.values, name, LIMITS[found.kind])
        add_quietly(viewer, self._layer)
        self._session.status.emit(describe_map(found.kind, found.spec))

    def _remove(self) -> None:
        self._shown = None
        if self._session.jobs.busy(Job.SHOW_MAP):
            self._session.jobs.cancel(Job.SHOW_MAP)
        self._take_layer()

    def _take_layer(self) -> None:
        layer = self._layer
        self._layer = None
        viewer = self._session.viewer
        if layer is not None and viewer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)


def describe_map(kind: MapKind, spec: ClassSpec) -> str:
    """Return a sentence on what a map shows."""
    if kind is MapKind.PROBABILITY:
        return f"Shown: how likely {spec.name} is, from 0 to 1."
    return f"Shown: how similar the features are to the prototype of {spec.name}, from -1 to 1."
