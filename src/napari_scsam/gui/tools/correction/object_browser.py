"""Going from object to object in the labels layer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_scsam.gui.layers.instance_layer import add_behind, outline_layer
from napari_scsam.gui.layers.pointing import LayerPlane, center_on, shown_layer_plane
from napari_scsam.gui.layers.visited_object import NAME_OF_VISITED, VisitedView
from napari_scsam.gui.tools.correction.correct_work import ObjectWork
from napari_scsam.gui.words import capitalized, group_digits
from napari_scsam.gui.workarounds.timer import Timer
from napari_scsam.objects.walk import Stop, next_component, next_label

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_scsam.gui.session import Session
    from napari_scsam.objects.place import Place
    from napari_scsam.steps import Steps


OUTLINED_MS = 2500
"""For how long the object gone to is outlined."""


class ObjectBrowser:
    """Shows one object after another; made by ``session.part(ObjectBrowser)``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._work = session.part(ObjectWork)
        self._at: tuple[int, ...] = ()
        """The voxel gone to last."""
        self._outline: Labels | None = None
        """The layer that outlines the object gone to."""
        self._timer = Timer(self.remove_outline)
        session.ended.connect(self._on_ended)

    def step(self, viewer: Viewer, step: int) -> None:
        """Go to the next object (1) or to the previous one (-1)."""
        self._drop_old_outline(viewer)
        target = shown_layer_plane(viewer)
        value = int(target.layer.selected_label)
        across = target.plane.axis
        start = self._at
        if not self._is_shown(target, value):
            start = _corner(target, step)

        def steps(place: Place) -> Steps[Stop]:
            if target.holds_classes:
                return next_component(place, value, start, step, across)
            return next_label(place, value, step, across)

        done = partial(self._show, viewer, target)
        self._work.start(target, steps, done, whole=True, boxed=True)

    def _show(self, viewer: Viewer, target: LayerPlane, stop: Stop) -> None:
        self._at = stop.voxel
        target.layer.selected_label = stop.value
        center_on(viewer, target, stop.voxel)
        self._show_outline(viewer, stop)
        name = capitalized(target.label_name(stop.value))
        on = ","
        if target.holds_classes:
            on = " on"
        which = f"{group_digits(stop.number)} of {group_digits(stop.count)}"
        where = shown_layer_plane(viewer).plane.describe()
        self._work.status.emit(f"{name}, {which}{on} {where}.")

    def _show_outline(self, viewer: Viewer, stop: Stop) -> None:
        """Outline the object for a while: among many, the middle of the view does not tell it."""
        target = shown_layer_plane(viewer)
        shown = self._outline
        if shown is None or shown.data.data is not target.layer.data:
            self.remove_outline()
            view = VisitedView(target.layer.data)
            shown = outline_layer(target.layer, view, NAME_OF_VISITED)
            self._outline = shown
            add_behind(viewer, shown)
        shown.data.visit(target.plane, stop.voxel)
        shown.visible = viewer.dims.ndisplay == 2
        shown.refresh(extent=False)
        self._timer.start(OUTLINED_MS)

    def _drop_old_outline(self, viewer: Viewer) -> None:
        """Remove the outline if its labels are gone: a layer of their size would stay."""
        shown = self._outline
        if shown is not None and not any(each.data is shown.data.data for each in viewer.layers):
            self.remove_outline()

    def remove_outline(self) -> None:
        """Outline no object."""
        shown = self._outline
        viewer = self._session.viewer
        self._outline = None
        if shown is not None and viewer is not None and shown in viewer.layers:
            viewer.layers.remove(shown)

    def _on_ended(self) -> None:
        self._timer.stop()
        if not self._session.window_is_gone:
            self.remove_outline()

    def _is_shown(self, target: LayerPlane, value: int) -> bool:
        """Whether the object gone to last is still there, in the slice shown."""
        at = self._at
        shape = target.layer.data.shape
        if len(at) != len(shape) or any(i >= n for i, n in zip(at, shape, strict=True)):
            return False
        if not target.plane.holds(at):
            return False
        return int(target.layer.data[at]) == value


def _corner(target: LayerPlane, step: int) -> tuple[int, ...]:
    """Return the voxel where reading the slice shown begins."""
    corner = [0] * target.layer.ndim
    if step < 0:
        corner = [count - 1 for count in target.layer.data.shape]
    for axis, index in target.plane.across.items():
        corner[axis] = index
    return tuple(corner)
