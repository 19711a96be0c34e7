"""The work of the object tools: small work at once, large work on a thread, and then the writing.

The thread is not the network's, so that a correction never waits for a segmentation.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.worker import Report, Worker
from napari_scsam.gui.layers.class_table import edit_in_memory
from napari_scsam.gui.layers.pointing import LayerPlane
from napari_scsam.gui.layers.write_edit import EDIT_BATCH, write_edit_steps
from napari_scsam.gui.notify import notify_error
from napari_scsam.gui.tools.correction.label_index import INDEX_JOB, LabelIndex
from napari_scsam.gui.words import as_sentence, count_of
from napari_scsam.io.saved.saved_array import SavedArray
from napari_scsam.objects.place import Place
from napari_scsam.objects.tools import Edit
from napari_scsam.steps import Steps

if TYPE_CHECKING:
    from napari.layers import Labels, Layer
    from napari.utils.events import Event

    from napari_scsam.gui.session import Session

MAX_SYNC_WORK = 2**21
"""Steps that take less, in voxels, are done on the main thread …"""

MAX_SYNC_SECONDS = 0.03
"""… until they have taken this long together."""

TOOL_JOB = "tool"
"""What the worker calls the work of a tool."""

BUSY = "the last correction is still being worked on; wait for it, or press Cancel"
NO_CHANGE = "nothing was changed: there is no background to grow into, or it is locked"


class ObjectWork:
    """Runs the object tools of a viewer, one at a time; made by ``session.part(ObjectWork)``."""

    status = Signal(str)
    """A sentence on what was done, what to do next, or what went wrong."""
    progressed = Signal(object)
    """The `Progress` of work that takes time."""
    working = Signal(bool)
    """Whether there is work to cancel."""

    writing = Signal()
    """A correction is about to be written."""

    def __init__(self, session: Session) -> None:
        self.worker = Worker(self._receive)
        self._index = LabelIndex(self.worker)
        self._done: Callable[[Any], None] = lambda _: None
        self._layer: weakref.ref[Labels] | None = None
        self._waiting: Callable[[], None] | None = None
        """Starts the work that waits for the boxes of its layer."""
        self._writing = False
        session.ended.connect(self.worker.stop)
        if session.viewer is not None:
            session.viewer.layers.events.removed.connect(self._on_removed)

    def attempt(self, act: Callable[[], object]) -> None:
        """Do something, and report what goes wrong."""
        try:
            act()
        except Exception as error:  # noqa: BLE001  # whatever it is, the window must stay usable
            notify_error(error)
            self.status.emit(as_sentence(str(error)))

    def check_idle(self) -> None:
        """Raise a `UserError` while the last correction is being worked on."""
        if self._writing or self.worker.busy(TOOL_JOB):
            raise UserError(BUSY)

    def cancel(self) -> None:
        """Stop work that takes time; nothing is changed."""
        self.worker.cancel()
        self._waiting = None
        self.working.emit(False)
        self.status.emit("Cancelled; nothing was changed.")

    def start(
        self,
        target: LayerPlane,
        work: Callable[[Place], Steps[Any]],
        done: Callable[[Any], None],
        *,
        whole: bool,
        seed: tuple[int, ...] | None = None,
        boxed: bool = False,
    ) -> None:
        """Run a tool.

        Parameters
        ----------
        target
            What it works on.
        work
            Returns its steps for a place.
        done
            Called with its result, on the main thread.
        whole
            Through all slices, or in the slice shown.
        seed
            The voxel that it starts from.
        boxed
            In an instance layer, it needs the boxes of all objects; it waits until they are found.
        """
        self._layer = weakref.ref(target.layer)
        edit_in_memory(target.layer)
        boxes = None
        if boxed and not target.holds_classes:
            boxes = self._index.of(target.layer, seed)
            if boxes is None:
                self._wait(
                    partial(self.start, target, work, done, whole=whole, seed=seed, boxed=True)
                )
                return
        self._advance(work(target.place(boxes, whole=whole)), done)

    def _wait(self, start_again: Callable[[], None]) -> None:
        self._waiting = start_again
        self.working.emit(True)
        self.status.emit("Searching the layer for its objects, once …")

    def write(self, target: LayerPlane, did: str, edit: Edit) -> None:
        """Write what a tool found, as one undo step, and show what was done."""
        check_writable(target.layer)
        if not edit.size:
            raise UserError(NO_CHANGE)
        text = f"{did}: {count_of(edit.size, 'pixel')} changed. Ctrl+Z undoes it."
        steps = self._write_steps(target, text, edit)
        if edit.size > EDIT_BATCH:
            self.worker.run_in_event_loop(steps, atomic=True)
            return
        for _ in steps:
            pass

    def _write_steps(
        self, target: LayerPlane, text: str, edit: Edit
    ) -> Generator[None, None, None]:
        self._writing = True
        self.writing.emit()
        try:
            yield from write_edit_steps(target.layer, edit)
        finally:
            self._writing = False
        self.status.emit(text)

    def _advance(self, steps: Steps[Any], done: Callable[[Any], None]) -> None:
        """Run work here as long as its steps are small, and the rest on the thread."""
        end = time.perf_counter() + MAX_SYNC_SECONDS
        try:
            while next(steps).total <= MAX_SYNC_WORK and time.perf_counter() < end:
                pass
        except StopIteration as result:
            done(result.value)
            return
        self._done = done
        self.worker.submit(TOOL_JOB, lambda: steps)
        self.working.emit(True)

    def _receive(self, report: Report) -> None:
        if report.state == "progress":
            self.progressed.emit(report.value)
            return
        if report.state in ("failed", "returned"):
            self.attempt(partial(self._finish, report))
        self.working.emit(self.worker.busy())

    def _finish(self, report: Report) -> None:
        if report.state == "failed":
            raise report.value
        if report.kind != INDEX_JOB:
            self._done(report.value)
            return
        self._index.take(report.value)
        waiting = self._waiting
        self._waiting = None
        if waiting is not None:
            waiting()

    def _on_removed(self, event: Event) -> None:
        """Cancel work on a removed layer; an edit that is being written is finished."""
        layer: Layer = event.value
        if self._layer is None or self._layer() is not layer:
            return
        if self.worker.busy() or self._waiting is not None:
            self.cancel()


def check_writable(layer: Labels) -> None:
    """Raise a `UserError` if a layer cannot be edited or its file cannot be written."""
    if not layer.editable:
        raise UserError(f"'{layer.name}' cannot be edited; unlock it in the layer list")
    if isinstance(layer.data, SavedArray) and layer.data.trouble is not None:
        raise UserError(
            f"'{layer.name}' cannot be written ({layer.data.trouble}); "
            "free some space, writing is retried"
        )
