"""The object tools of one viewer: what is pointed at, what is done to it, and the status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.layers.class_table import add_missing_class
from napari_scsam.gui.layers.plane import plane_shown_of
from napari_scsam.gui.layers.pointing import (
    LayerPlane,
    labels_layer,
    shown_layer_plane,
    voxel_under_mouse,
)
from napari_scsam.gui.object_tools import (
    BY_NAME,
    CUT,
    DELETE_SMALL,
    LOCK_TOOL,
    NEXT,
    PREVIOUS,
    WHOLE_TOOL,
    ObjectTool,
    Pointing,
    ToolInput,
)
from napari_scsam.gui.tools.canvas.active_tool import ActiveTool
from napari_scsam.gui.tools.canvas.click import ClickTool
from napari_scsam.gui.tools.canvas.draw_line import LineTool, object_under_line
from napari_scsam.gui.tools.correction.correct_work import ObjectWork
from napari_scsam.gui.tools.correction.lock_labels import Locking
from napari_scsam.gui.tools.correction.object_browser import ObjectBrowser
from napari_scsam.gui.tools.correction.small_objects import start_deleting_small
from napari_scsam.gui.tools.tool_settings import ToolSettings
from napari_scsam.gui.tools.undo import Undoing
from napari_scsam.gui.words import capitalized
from napari_scsam.objects import tools

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_scsam.gui.session import Session
    from napari_scsam.objects.place import Place

FIRST_PLACE = "first of two places"
"""Name of the active tool after a key was pressed at the first of two places.

It has no `ClickTool`: clicks still paint.
"""


@dataclass(frozen=True)
class FirstPlace:
    """The first of two places that a tool was used at."""

    tool: ObjectTool
    target: LayerPlane
    voxel: tuple[int, ...]


class Correcting:
    """Uses the object tools at the mouse; made by ``session.part(Correcting)``."""

    changed = Signal()
    """A setting, a lock or the active tool changed."""

    def __init__(self, session: Session) -> None:
        self.settings = ToolSettings()
        self._session = session
        self._work = session.part(ObjectWork)
        self._browser = session.part(ObjectBrowser)
        self._active_tool = session.part(ActiveTool)
        self.status = self._work.status
        self.progressed = self._work.progressed
        self.working = self._work.working
        self._first: FirstPlace | None = None
        self._locking = session.part(Locking)
        self._locking.changed.connect(self.changed)
        self.settings.changed.connect(self.changed)
        self._active_tool.changed.connect(self.changed)

    @property
    def armed(self) -> str | None:
        """Name of the tool that the next click or drag in the canvas uses."""
        if self._active_tool.name not in BY_NAME:
            return None
        return self._active_tool.name

    @property
    def _viewer(self) -> Viewer:
        viewer = self._session.viewer
        if viewer is None:
            raise UserError("the viewer is closed")
        return viewer

    # Keys and buttons

    def use(self, name: str) -> None:
        """Use a tool on what the mouse points at, or report why not."""
        tool = BY_NAME[name]
        points = tool.pointing in (Pointing.OBJECT, Pointing.TWO_PLACES)
        held = self._first.tool.name if self._first is not None else self.armed
        if points and held not in (None, name):
            self._active_tool.deactivate()
        self._work.attempt(partial(self._use, tool))
        if points and self._first is None and held == name:
            self._active_tool.deactivate()
        self.changed.emit()

    def _use(self, tool: ObjectTool) -> None:
        self._work.check_idle()
        command = COMMANDS.get(tool.name)
        if command is not None:
            command(self)
        elif tool.pointing is Pointing.TWO_PLACES:
            self._use_at_two_places(tool)
        else:
            self._use_at_one_place(tool)

    def arm(self, name: str) -> None:
        """Arm a tool for the next click, or disarm it; a tool that needs no click is used."""
        tool = BY_NAME[name]
        if tool.pointing in (Pointing.NOTHING, Pointing.LINE):
            self.use(name)
        elif self._active_tool.deactivate() != name:
            self._work.attempt(partial(self._arm, tool))
        self.changed.emit()

    def _arm(self, tool: ObjectTool) -> None:
        layer = labels_layer(self._viewer)
        clicks = ClickTool(self._viewer, layer, partial(self.use, tool.name))
        self._active_tool.activate(tool.name, partial(self._forget_first, clicks), layer)
        self._active_tool.show_status(f"{tool.label}: click the object.")

    def _forget_first(self, clicks: ClickTool | None = None) -> None:
        self._first = None
        if clicks is not None:
            clicks.close()

    def cancel(self) -> None:
        """Stop work that takes time; nothing is changed."""
        self._work.cancel()

    # Settings

    def set_unit(self, *, in_micrometres: bool) -> None:
        """Choose the unit of the smallest size; the size itself stays the same."""
        try:
            target = shown_layer_plane(self._viewer)
        except UserError:
            target = None
        self.settings.set_unit(in_micrometres=in_micrometres, target=target)

    def toggle_whole(self) -> None:
        """Work through all slices, or in the slice shown."""
        self.settings.whole = not self.settings.whole
        status = "Tools work in the slice shown."
        if self.settings.whole:
            status = "Tools work through all slices."
        self.status.emit(status)
        self.changed.emit()

    def toggle_lock(self) -> None:
        """Lock or unlock the label pointed at."""
        self._locking.toggle(self._viewer)

    # Objects that are pointed at

    def _pointed(self) -> tuple[LayerPlane, tuple[int, ...]]:
        target = shown_layer_plane(self._viewer)
        voxel = voxel_under_mouse(self._viewer, target)
        value = int(target.layer.data[voxel])
        if not value:
            raise UserError("there is no object under the mouse; point at one")
        target.check_unlocked(value)
        return target, voxel

    def _use_at_one_place(self, tool: ObjectTool) -> None:
        target, voxel = self._pointed()
        label = int(target.layer.selected_label)
        if tool.needs_label:
            self._prepare_label(target, voxel, label)
        self._run(tool, target, ToolInput(voxel, radius=self.settings.radius, label=label))

    def _prepare_label(self, target: LayerPlane, voxel: tuple[int, ...], label: int) -> None:
        """Check that an object can get a label, and add its class to the layer's table."""
        target.check_unlocked(label)
        if label == int(target.layer.data[voxel]):
            name = target.label_name(label)
            raise UserError(
                f"it is already {name}; select another label in the layer controls first"
            )
        add_missing_class(target.layer, label, self._session.choices.classes)

    def _use_at_two_places(self, tool: ObjectTool) -> None:
        target, voxel = self._pointed()
        first = self._first
        self._first = None
        if first is not None and self._can_end(first, target):
            self._run(tool, target, ToolInput(first.voxel, second=voxel))
            return
        if self._active_tool.name != tool.name:
            active = self._viewer.layers.selection.active
            self._active_tool.activate(FIRST_PLACE, self._forget_first, active)
        self._first = FirstPlace(tool, target, voxel)
        name = capitalized(target.label_name(int(target.layer.data[voxel])))
        self._active_tool.show_status(f"{name}: now {tool.then}.")

    def _can_end(self, first: FirstPlace, target: LayerPlane) -> bool:
        """Whether a second place belongs to the first: in its layer, and in its slice or all."""
        if first.target.layer is not target.layer:
            return False
        if self.settings.whole:
            return first.target.plane.lead == target.plane.lead
        return first.target == target

    def _run(self, tool: ObjectTool, target: LayerPlane, given: ToolInput) -> None:
        run = tool.run
        if run is None:
            raise ValueError(f"the tool {tool.name!r} runs by no function")
        self._start(tool, target, lambda place: run(place, given), given)

    def _start(
        self,
        tool: ObjectTool,
        target: LayerPlane,
        work: Callable[[Place], tools.Tool],
        given: ToolInput,
    ) -> None:
        """Start work on the object at the first place."""
        value = int(target.layer.data[given.seed])
        did = tool.done.format(
            object=target.label_name(value), label=target.label_name(given.label)
        )
        self._work.start(
            target,
            work,
            partial(self._work.write, target, did),
            whole=self.settings.whole,
            seed=given.second or given.seed,
            boxed=tool.needs_boxes or self.settings.whole,
        )

    # Cutting along a line

    def draw_line(self) -> None:
        """Begin to draw a line to cut along, or cancel it."""
        if self._active_tool.deactivate() == CUT.name:
            return
        layer = shown_layer_plane(self._viewer).layer
        run_in_event_loop = self._work.worker.run_in_event_loop
        line = LineTool(self._viewer, layer, partial(self._on_drawn, layer), run_in_event_loop)
        self._active_tool.activate(CUT.name, line.close, line.layer)
        self._session.part(Undoing).reach_through(line.layer, lambda: layer)
        self._active_tool.show_status("Drag a line across the object; Esc cancels.")

    def _on_drawn(self, layer: Labels, points: NDArray[np.float64]) -> None:
        self._active_tool.deactivate_if(CUT.name)
        self._work.attempt(partial(self._cut_along, layer, points))

    def _cut_along(self, layer: Labels, points: NDArray[np.float64]) -> None:
        # The slice may have changed since the tool was activated.
        target = LayerPlane(layer, plane_shown_of(self._viewer, layer))
        seed, wall = object_under_line(target, points)
        plane_box = target.place(None, whole=False).within
        work = partial(tools.cut, seed=seed, wall=wall, plane_box=plane_box)
        self._start(CUT, target, work, ToolInput(seed))

    # Many objects

    def delete_small(self) -> None:
        """Delete the objects that are smaller than the smallest size."""
        start_deleting_small(self._work, self.settings, shown_layer_plane(self._viewer))

    def step(self, step: int) -> None:
        """Go to the next object (1) or to the previous one (-1)."""
        self._browser.step(self._viewer, step)


COMMANDS: dict[str, Callable[[Correcting], None]] = {
    CUT.name: Correcting.draw_line,
    PREVIOUS.name: lambda correcting: correcting.step(-1),
    NEXT.name: lambda correcting: correcting.step(1),
    DELETE_SMALL.name: Correcting.delete_small,
    LOCK_TOOL.name: Correcting.toggle_lock,
    WHOLE_TOOL.name: Correcting.toggle_whole,
}
"""Tools that are more than one function of an object."""
