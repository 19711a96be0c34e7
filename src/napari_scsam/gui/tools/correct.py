"""The object tools of one session, each a verb: what is pointed at, what is done to it, and what is said about it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.layers.class_table import classes_of, learn_class
from napari_scsam.gui.layers.locks import lock, locked_labels, protect_locked
from napari_scsam.gui.layers.plane import layer_voxel_size, plane_shown_of
from napari_scsam.gui.layers.pointing import View, labels_layer, look_at, view_of, voxel_under_mouse
from napari_scsam.gui.object_tools import BY_NAME, CUT, Pointing, describe_size
from napari_scsam.gui.tools.active_tool import Hand
from napari_scsam.gui.tools.click import ClickTool
from napari_scsam.gui.tools.correct_work import ObjectWork
from napari_scsam.gui.tools.draw_line import CutLine
from napari_scsam.gui.tools.undo import Undoing
from napari_scsam.gui.words import capital, grouped
from napari_scsam.objects import tools
from napari_scsam.objects.cuts import wall_along
from napari_scsam.objects.small import Sieved, delete_small
from napari_scsam.objects.walk import Stop, next_label, next_piece
from napari_scsam.steps import Progress

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_scsam.gui.session import Session
    from napari_scsam.objects.place import Place

Voxel = tuple[int, ...]

FIRST = "first of two"
"""What is in hand when a key, and no button, began a tool that is pointed with twice: clicks are not for it."""


class Correcting:
    """The object tools, each a verb; they work on the object under the mouse.

    Parameters
    ----------
    session
        Kept weakly. Locked labels are protected from its model from now on.
    """

    said = Signal(str)
    """A sentence on what was done, or is to be done next."""
    changed = Signal()
    """Another choice, another lock, another tool in hand."""

    _of: ClassVar[weakref.WeakKeyDictionary[Session, Correcting]] = weakref.WeakKeyDictionary()

    def __init__(self, session: Session) -> None:
        self.whole = False
        """Through all slices, or in the slice shown."""
        self.by = 2.0
        """Pixels to smooth, grow and shrink by."""
        self.smallest = 50.0
        """Size of an object that is not too small."""
        self.in_micrometres = False
        """Whether `smallest` is in µm² or µm³; else in pixels or voxels."""
        self._session = weakref.ref(session)
        self._work = ObjectWork()
        self._work.said.connect(self.said)
        self.progressed = self._work.progressed
        self.working = self._work.working
        self._first: tuple[str, View, Voxel] | None = None
        self._at: Voxel = ()
        session.protections["locked"] = protect_locked
        session.ended.connect(self._work.worker.stop)
        session.part(Hand).changed.connect(self.changed)
        if session.viewer is not None:
            session.viewer.layers.events.removed.connect(self._on_removed)

    @classmethod
    def of(cls, session: Session) -> Correcting:
        """Return the object tools of a session."""
        if session not in cls._of:
            cls._of[session] = cls(session)
        return cls._of[session]

    @property
    def armed(self) -> str | None:
        """The tool that the next click or drag in the canvas uses."""
        return self._hand.thing if self._hand.thing in BY_NAME else None

    @property
    def locks(self) -> tuple[tuple[int, str, bool], ...]:
        """Number and name of each class, or of each locked object, and whether it is locked."""
        try:
            layer = labels_layer(self._viewer)
        except UserError:
            return ()
        locked = locked_labels(layer)
        names = {spec.id: spec.name for spec in classes_of(layer) or ()}
        return tuple(
            (value, names.get(value, f"object {value}"), value in locked)
            for value in sorted({*names, *locked})
        )

    @property
    def _viewer(self) -> Viewer:
        session = self._session()
        if session is None or session.viewer is None:
            raise UserError("the viewer is closed")
        return session.viewer

    @property
    def _hand(self) -> Hand:
        if (session := self._session()) is None:
            raise UserError("the viewer is closed")
        return session.part(Hand)

    # What the user does

    def use(self, name: str) -> None:
        """Use a tool on what the mouse points at, or tell why not."""
        pointed = BY_NAME[name].pointing in (Pointing.OBJECT, Pointing.TWICE)
        held = self._first[0] if self._first is not None else self.armed
        if pointed and held not in (None, name):
            self._hand.empty()
        self._work.attempt(partial(self._use, name))
        if pointed and self._first is None and held == name:
            self._hand.empty()
        self.changed.emit()

    def _use(self, name: str) -> None:
        self._work.check_idle()
        getattr(self, name)()

    def arm(self, name: str) -> None:
        """Take a tool in hand for the next click, or lay it down; one that needs no pointing is used."""
        if BY_NAME[name].pointing in (Pointing.NOTHING, Pointing.LINE):
            self.use(name)
        elif self._hand.empty() != name:
            self._work.attempt(partial(self._take, name))
        self.changed.emit()

    def _take(self, name: str) -> None:
        layer = labels_layer(self._viewer)
        clicks = ClickTool(self._viewer, layer, partial(self.use, name))
        self._hand.take(name, partial(self._forget, clicks), layer)
        self._hand.say(f"{BY_NAME[name].label}: click the object.")

    def _forget(self, clicks: ClickTool | None = None) -> None:
        self._first = None
        if clicks is not None:
            clicks.close()

    def cancel(self) -> None:
        """Stop what takes time; nothing is changed."""
        self._work.cancel()

    def choose(
        self,
        *,
        by: float | None = None,
        smallest: float | None = None,
        in_micrometres: bool | None = None,
    ) -> None:
        """Choose how far tools reach, and what is small."""
        self.by = self.by if by is None else by
        self.smallest = self.smallest if smallest is None else smallest
        if smallest is None and in_micrometres not in (None, self.in_micrometres):
            self._turn_smallest(in_micrometres=bool(in_micrometres))
        self.in_micrometres = self.in_micrometres if in_micrometres is None else in_micrometres
        self.changed.emit()

    # The tools

    def merge(self) -> None:
        """Join the second object pointed at to the first."""
        self._twice("merge", tools.merge, "Merged into", "point at the one to join to it")

    def split(self) -> None:
        """Part an object between two places pointed at."""
        self._twice("split", tools.split, "Split", "point at its other half", boxed=True)

    def delete(self) -> None:
        """Turn the object into background."""
        self._once(tools.delete, "Deleted")

    def fill_holes(self) -> None:
        """Fill the object's holes."""
        self._once(tools.fill_holes, "Filled holes of")

    def keep_largest(self) -> None:
        """Delete all pieces but the largest."""
        self._once(tools.keep_largest, "Kept the largest piece of")

    def smooth(self) -> None:
        """Round the object off."""
        self._once(partial(tools.smooth, by=self.by), "Smoothed")

    def grow(self) -> None:
        """Let the object grow."""
        self._once(partial(tools.grow, by=self.by), "Grew")

    def shrink(self) -> None:
        """Let the object shrink."""
        self._once(partial(tools.shrink, by=self.by), "Shrank")

    def relabel(self) -> None:
        """Return the object the selected label."""
        view, voxel = self._pointed()
        value = int(view.layer.selected_label)
        self._check_lock(view, value)
        if value == int(view.layer.data[voxel]):
            raise UserError(
                f"it is {view.name(value)} already; select another label in the layer controls first"
            )
        if (session := self._session()) is not None:
            learn_class(view.layer, value, session.classes)
        self._run(
            view,
            voxel,
            partial(tools.relabel, seed=voxel, value=value),
            f"Made {view.name(value)} of",
        )

    def cut(self) -> None:
        """Begin to draw a line to cut along, or give it up."""
        if self._hand.empty() == CUT.name:
            return
        layer = view_of(self._viewer).layer
        line = CutLine(
            self._viewer, layer, partial(self._drawn, layer), self._work.worker.run_in_event_loop
        )
        self._hand.take(CUT.name, line.close, line.layer)
        if (session := self._session()) is not None:
            session.part(Undoing).reach_through(line.layer, lambda: layer)
        self._hand.say("Drag a line across the object; Esc leaves it.")

    def _drawn(self, layer: Labels, points: NDArray[np.float64]) -> None:
        self._hand.let_go(CUT.name)
        self._work.attempt(partial(self._cut_along, layer, points))

    def next(self) -> None:
        """Go to the next object."""
        self._walk(1)

    def previous(self) -> None:
        """Go to the object before."""
        self._walk(-1)

    def delete_small(self) -> None:
        """Delete the objects that are too small."""
        view = view_of(self._viewer)
        value = int(view.layer.selected_label)
        if view.classes:
            if not value:
                raise UserError(
                    "the selected label is the background; select the class in the layer controls first"
                )
            self._check_lock(view, value)
        smallest = (
            self.smallest / self._voxel_in_micrometres(view)
            if self.in_micrometres
            else self.smallest
        )
        work = partial(delete_small, smallest=smallest, value=value)
        size = describe_size(self.smallest, whole=self.whole, in_micrometres=self.in_micrometres)
        self._work.start(view, work, partial(self._sieved, view, size), whole=self.whole)

    def toggle_lock(self) -> None:
        """Lock or unlock the label pointed at."""
        view = view_of(self._viewer)
        value = int(view.layer.data[voxel_under_mouse(self._viewer, view)])
        if not value:
            raise UserError("there is no object under the mouse; point at one of the class to lock")
        self.lock(value, locked=value not in locked_labels(view.layer))

    def lock(self, value: int, *, locked: bool) -> None:
        """Lock a label of the layer that is corrected, or unlock it."""
        view = view_of(self._viewer)
        lock(view.layer, value, locked=locked)
        kept = (
            "neither the model nor an object tool changes it"
            if locked
            else "it can be changed again"
        )
        self.said.emit(f"{'Locked' if locked else 'Unlocked'} {view.name(value)}: {kept}.")
        self.changed.emit()

    def toggle_whole(self) -> None:
        """Work through all slices, or in the slice shown."""
        self.whole = not self.whole
        self.said.emit(
            "Tools work through all slices." if self.whole else "Tools work in the slice shown."
        )
        self.changed.emit()

    # How they work

    def _pointed(self) -> tuple[View, Voxel]:
        view = view_of(self._viewer)
        voxel = voxel_under_mouse(self._viewer, view)
        value = int(view.layer.data[voxel])
        if not value:
            raise UserError("there is no object under the mouse; point at one")
        self._check_lock(view, value)
        return view, voxel

    def _check_lock(self, view: View, value: int) -> None:
        if value in locked_labels(view.layer):
            raise UserError(f"{view.name(value)} is locked; unlock it first")

    def _once(self, tool: Callable[..., tools.Tool], did: str) -> None:
        view, voxel = self._pointed()
        self._run(view, voxel, partial(tool, seed=voxel), did)

    def _twice(
        self,
        name: str,
        tool: Callable[..., tools.Tool],
        did: str,
        then: str,
        *,
        boxed: bool = False,
    ) -> None:
        view, voxel = self._pointed()
        first = self._first
        self._first = None
        if (
            first is None
            or first[1].layer is not view.layer
            or (first[1] != view and not self.whole)
        ):
            if self._hand.thing != name:
                self._hand.take(FIRST, self._forget, self._viewer.layers.selection.active)
            self._first = (name, view, voxel)
            self._hand.say(f"{capital(view.name(int(view.layer.data[voxel])))}: now {then}.")
            return
        self._run(
            view,
            voxel,
            partial(tool, first=first[2], second=voxel),
            did,
            named=first[2],
            boxed=boxed,
        )

    def _run(
        self,
        view: View,
        voxel: Voxel,
        tool: Callable[[Place], tools.Tool],
        did: str,
        *,
        named: Voxel | None = None,
        boxed: bool = False,
    ) -> None:
        value = int(view.layer.data[named or voxel])
        done = partial(self._work.write, view, f"{did} {view.name(value)}")
        self._work.start(view, tool, done, whole=self.whole, seed=voxel, boxed=boxed or self.whole)

    def _cut_along(self, layer: Labels, points: NDArray[np.float64]) -> None:
        view = View(
            layer, plane_shown_of(self._viewer, layer)
        )  # of now: the slice may have changed since the tool was taken
        rows, columns = (axis for axis in range(view.layer.ndim) if axis != view.plane.axis)
        line = points[:, [rows, columns]]
        section = view.plane.read(view.layer.data)
        wall = wall_along(line.tolist(), (section.shape[0], section.shape[1]))
        crossed = np.argwhere(wall & (section != 0) & ~np.isin(section, locked_labels(view.layer)))
        if not len(crossed):
            raise UserError("the line crosses no object that is not locked; draw it across one")
        row, column = crossed[((crossed - line.mean(axis=0)) ** 2).sum(axis=1).argmin()].reshape(
            2, 1
        )
        seed = tuple(int(i[0]) for i in view.plane.indices(row, column))
        standing = wall if view.plane.axis is None else np.expand_dims(wall, view.plane.axis)
        plane_box = view.place(None, whole=False).within
        self._run(
            view,
            seed,
            partial(tools.cut, seed=seed, wall=standing, plane_box=plane_box),
            "Cut",
            boxed=True,
        )

    def _walk(self, step: int) -> None:
        view = view_of(self._viewer)
        value = int(view.layer.selected_label)
        across = view.plane.axis
        at = self._at if self._is_here(view, value) else _corner(view, step)

        def steps(place: Place) -> Generator[Progress, None, Stop]:
            return (
                next_piece(place, value, at, step, across)
                if view.classes
                else next_label(place, value, step, across)
            )

        self._work.start(view, steps, partial(self._look, view), whole=True, boxed=True)

    def _sieved(self, view: View, size: str, found: Sieved) -> None:
        if not found.objects:
            raise UserError(f"no object here is smaller than {size}")
        self._work.write(
            view,
            f"Deleted {grouped(found.objects)} small object{'' if found.objects == 1 else 's'}",
            found.edit,
        )

    def _look(self, view: View, stop: Stop) -> None:
        self._at = stop.voxel
        view.layer.selected_label = stop.value
        look_at(self._viewer, view, stop.voxel)
        self.said.emit(
            f"{capital(view.name(stop.value))}, {view_of(self._viewer).plane.describe()}."
        )

    def _on_removed(self, event: Event) -> None:
        self._work.forget(event.value)

    def _is_here(self, view: View, value: int) -> bool:
        """Whether the object that was gone to last is in the slice shown."""
        at = self._at
        axis = view.plane.axis
        shape = view.layer.data.shape
        if len(at) != len(shape) or any(i >= n for i, n in zip(at, shape, strict=True)):
            return False
        return (axis is None or at[axis] == view.plane.position) and int(
            view.layer.data[at]
        ) == value

    def _turn_smallest(self, *, in_micrometres: bool) -> None:
        """Keep the smallest size when its unit changes, where the layer says how large its pixels are."""
        try:
            voxel = self._voxel_in_micrometres(view_of(self._viewer))
        except UserError:
            return
        self.smallest *= voxel if in_micrometres else 1 / voxel

    def _voxel_in_micrometres(self, view: View) -> float:
        size = layer_voxel_size(view.layer)
        if size is None:
            raise UserError(
                "the layer does not say how large its pixels are; give the smallest size in pixels"
            )
        across = None if self.whole else view.plane.axis
        sides = [s / 1000 for axis, s in enumerate(size[-view.layer.ndim :]) if axis != across]
        return float(np.prod(sides))


def _corner(view: View, step: int) -> Voxel:
    """Return the voxel where reading the slice shown begins."""
    corner = [0 if step > 0 else n - 1 for n in view.layer.data.shape]
    if view.plane.axis is not None:
        corner[view.plane.axis] = view.plane.position
    return tuple(corner)
