"""Going from object to object in the labels layer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_scsam.gui.layers.pointing import LayerPlane, center_on, shown_layer_plane
from napari_scsam.gui.tools.correction.correct_work import ObjectWork
from napari_scsam.gui.words import capitalized, group_digits
from napari_scsam.objects.walk import Stop, next_component, next_label

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_scsam.gui.session import Session
    from napari_scsam.objects.place import Place
    from napari_scsam.steps import Steps


class ObjectBrowser:
    """Shows one object after another; made by ``session.part(ObjectBrowser)``."""

    def __init__(self, session: Session) -> None:
        self._work = session.part(ObjectWork)
        self._at: tuple[int, ...] = ()
        """The voxel gone to last."""

    def step(self, viewer: Viewer, step: int) -> None:
        """Go to the next object (1) or to the previous one (-1)."""
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
        name = capitalized(target.label_name(stop.value))
        on = ","
        if target.holds_classes:
            on = " on"
        which = f"{group_digits(stop.number)} of {group_digits(stop.count)}"
        where = shown_layer_plane(viewer).plane.describe()
        self._work.status.emit(f"{name}, {which}{on} {where}.")

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
