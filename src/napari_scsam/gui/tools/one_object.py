"""One object at a time: point at it, accept it into a class or discard it, propagate it."""

from __future__ import annotations

from collections.abc import Generator, Hashable
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.jobs.one_object import (
    PromptRequest,
    PromptResult,
    embed_plane_steps,
    find_marked_steps,
)
from napari_scsam.gui.layers.drawn_marks import KeptMarks
from napari_scsam.gui.layers.prompt_layers import PromptLayers
from napari_scsam.gui.layers.strokes import REDO, UNDO
from napari_scsam.gui.prompts.kinds import POINT
from napari_scsam.gui.prompts.state import PromptState
from napari_scsam.gui.tools.accept import Accepting
from napari_scsam.gui.tools.canvas.active_tool import ActiveTool
from napari_scsam.gui.tools.propagate import Propagating
from napari_scsam.gui.tools.undo import Undoing

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_scsam.gui.jobs.slice_request import SliceRequest
    from napari_scsam.gui.layers.drawn_marks import DrawnMarks
    from napari_scsam.gui.layers.plane import Plane
    from napari_scsam.gui.prompts.marks import Marks
    from napari_scsam.gui.session import Session

PROMPTS = "prompts"
"""Name of this tool while it is active."""

BEGIN = "Click on an object. Enter accepts the object shown, Esc discards it."
NOTHING_YET = "Nothing is found yet: click on an object first."
BESIDE_IMAGE = "That is beside the image; click on an object in it."
NOT_ACCEPTED = "The object shown is not accepted yet, so there is nothing to undo; Esc discards it."
DISCARDED = "Discarded; nothing was changed."


class Prompting:
    """The verbs for single objects in one viewer; made by ``session.part(Prompting)``."""

    changed = Signal()
    """The `state` changed."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.layers: PromptLayers | None = None
        self.found: PromptResult | None = None
        """What the preview shows."""
        self.kind = POINT.name
        self.inside = True
        self._volume: Hashable = None
        """The volume that prompts are drawn on."""
        self._kept = KeptMarks()
        self._active_tool = session.part(ActiveTool)
        self._accepting = session.part(Accepting)
        self._accepting.changed.connect(self.changed)
        self._accepting.written.connect(self.forget_marks)
        self._accepting.layer_added.connect(self._on_layer_added)
        self._propagating = session.part(Propagating)
        session.choices.checkpoint_changed.connect(self.changed)
        session.choices.image_changed.connect(self._on_image)

    @property
    def active(self) -> bool:
        """Whether prompts are being drawn."""
        return self.layers is not None

    @property
    def state(self) -> PromptState:
        """What the panel shows."""
        return PromptState(
            active=self.active,
            kind=self.kind,
            inside=self.inside,
            target=self._accepting.target,
            found=self.found.patch if self.found is not None else None,
            max_slices=self._propagating.max_slices,
            ends=self._propagating.ends,
        )

    # Starting and stopping

    def toggle(self) -> None:
        """Start, or stop."""
        if self.active:
            self.stop()
        else:
            self.start()

    def start(self) -> None:
        """Add the layers for prompts to the viewer, and prepare the slice shown."""
        session = self.session
        viewer = session.viewer
        if self.active:
            return
        request = session.try_request(prompts=True)
        image = session.choices.image
        if request is None or viewer is None or image is None:
            return
        self._active_tool.deactivate()
        self._volume = request.volume
        marks = self._kept.take(request.volume)
        layers = self._add_layers(viewer, image, marks)
        self._active_tool.activate(PROMPTS, self._close)
        session.jobs.run_in_event_loop(layers.add_steps())
        session.jobs.submit(Job.PREPARE, partial(embed_plane_steps, session.engine, request))
        self._active_tool.show_status(BEGIN)
        self.changed.emit()
        if marks is not None:
            self._ask_soon()

    def _add_layers(self, viewer: Viewer, image: Image, marks: DrawnMarks | None) -> PromptLayers:
        viewer_keys = {"Enter": self.accept, "Escape": self.discard}
        layer_keys = {UNDO: self.undo, REDO: self.redo}
        layers = PromptLayers(viewer, image, viewer_keys, layer_keys)
        self.layers = layers
        if marks is not None:
            layers.restore(marks)
        layers.changed.connect(self._ask_soon)
        layers.plane_changed.connect(self._on_plane)
        layers.lost.connect(self.stop)
        layers.set_side(inside=self.inside)
        layers.use(self.kind)
        return layers

    def stop(self) -> None:
        """Remove the layers for prompts; marks that were not accepted come back with them."""
        self._active_tool.deactivate_if(PROMPTS)

    def _close(self) -> None:
        layers = self.layers
        if layers is None:
            return
        self.layers = None
        self.found = None
        if self.session.viewer is not None:
            if layers.complete:
                # Marks are dropped by removing their layer.
                self._kept.keep(self._volume, layers.drawn_marks())
            layers.remove()
        self.changed.emit()

    # Drawing

    def use(self, kind: str) -> None:
        """Choose a kind of prompt, by its name."""
        self.kind = kind
        if self.layers is not None:
            self.layers.use(kind)
        self.changed.emit()

    def set_side(self, *, inside: bool) -> None:
        """Choose whether the next marks are inside the object or outside."""
        self.inside = inside
        if self.layers is not None:
            self.layers.set_side(inside=inside)
        self.changed.emit()

    def switch_side(self) -> None:
        """Mark the other side from now on."""
        self.set_side(inside=not self.inside)

    def ask(self) -> None:
        """Ask for the object that the marks on the slice shown point at."""
        layers = self.layers
        if layers is None or layers.drawing:
            return
        slip = layers.remove_slip()
        if slip is not None:
            self._active_tool.show_status(slip.slip_message)
            return
        plane = self.shown_plane()
        marks = layers.read(plane) if plane is not None else None
        if marks is not None and marks.asks_for_object:
            self._submit(marks)
        else:
            self._show(None)
            if plane is not None and layers.are_beside(plane):
                self._active_tool.show_status(BESIDE_IMAGE)
        # While the network works: a click with Ctrl has marked the other side.
        layers.set_side(inside=self.inside)

    def _submit(self, marks: Marks) -> None:
        request = self.session.try_request(prompts=True)
        if request is None:
            return
        earlier = self.found
        if earlier is not None:
            refines = marks.extends(earlier.request.marks)
            if not refines or earlier.request.slice != request:
                earlier = None
        make = partial(
            find_marked_steps, self.session.engine, PromptRequest(request, marks, earlier)
        )
        self.session.jobs.submit(Job.PROMPT, make, self._on_found)

    def _ask_soon(self) -> None:
        """Ask once napari has handled the event."""
        self.session.jobs.run_in_event_loop(self._ask_steps())

    def _ask_steps(self) -> Generator[None, None, None]:
        self.ask()
        yield

    def _on_found(self, found: PromptResult) -> None:
        layers = self.layers
        if layers is None or found.plane != self.shown_plane():
            return
        if layers.read(found.plane) != found.request.marks:
            return
        self._show(found)
        self._active_tool.show_status(found.describe())

    def _show(self, found: PromptResult | None) -> None:
        if found is None and self.found is not None:
            # It says that Enter accepts the object.
            self._active_tool.withdraw_status()
        self.found = found
        if self.layers is not None:
            if found is None:
                self.layers.hide_object()
            else:
                self.layers.show_object(found.plane, found.patch)
        self.changed.emit()

    # Accepting and discarding

    def accept(self) -> None:
        """Add the object shown to the class."""
        found = self._object_shown()
        if found is not None:
            objects = [(found.plane, found.patch)]
            where = f"on {found.plane.describe()}."
            self._accepting.write(found.request.slice, objects, where)

    def propagate(self) -> None:
        """Follow the object shown through the slices on both sides; accept it on all of them."""
        found = self._object_shown()
        if found is not None:
            self._propagating.propagate(found)

    def discard(self) -> None:
        """Remove the object shown, and the marks that point at it."""
        plane = self.shown_plane()
        if self.layers is not None and plane is not None:
            self.layers.clear(plane)
            self._show(None)
            self._active_tool.show_status(DISCARDED)

    def undo(self) -> None:
        """Undo the last edit of the labels, an accepted object for instance."""
        if self.found is not None:
            self._active_tool.show_status(NOT_ACCEPTED)
        else:
            self.session.part(Undoing).undo(self.session.labels)

    def redo(self) -> None:
        """Redo what was undone."""
        self.session.part(Undoing).redo(self.session.labels)

    def _object_shown(self) -> PromptResult | None:
        found = self.found
        if found is None or not found.patch.mask.any():
            self._active_tool.show_status(NOTHING_YET)
            return None
        return found

    def forget_marks(self, request: SliceRequest) -> None:
        """Remove the marks of a request, whether they are shown or were kept for later."""
        if self.layers is not None and self._volume == request.volume:
            self.layers.clear(request.plane)
            self._show(None)
        else:
            self._kept.forget(request.volume, request.plane)

    # What happens in the viewer

    def shown_plane(self) -> Plane | None:
        """Return the plane shown of the image that prompts are drawn on, if there is one."""
        if self.layers is None or self.session.viewer is None:
            return None
        return self.layers.shown_plane

    def _on_plane(self) -> None:
        self._show(None)
        self.ask()

    def _on_layer_added(self) -> None:
        """Select the layer for prompts again, as napari has selected the new one."""
        if self.layers is not None:
            self.layers.use(self.kind)

    def _on_image(self) -> None:
        if self.layers is not None and self.session.choices.image is not self.layers.image:
            self.stop()
