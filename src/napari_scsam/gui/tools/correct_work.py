"""Doing what an object tool asks: small work at once, large work on a thread of its own, and then the writing.

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
from napari_scsam.gui.layers.pointing import View
from napari_scsam.gui.layers.write_edit import BATCH, write_steps
from napari_scsam.gui.notify import tell
from napari_scsam.gui.tools.label_index import KIND, LabelIndex
from napari_scsam.gui.words import grouped, sentence
from napari_scsam.io.saved_array import SavedArray
from napari_scsam.objects.place import Place
from napari_scsam.objects.tools import Edit
from napari_scsam.steps import Progress

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

AT_ONCE = 2**21
"""Steps that take less, in voxels, are done on the main thread …"""

PATIENCE = 0.03
"""… unless so many seconds have gone already."""

Steps = Generator[Progress, None, Any]


class ObjectWork:
    """Runs the object tools of one session, one at a time."""

    said = Signal(str)
    """A sentence on what was done, or why not."""
    progressed = Signal(object)
    """The `Progress` of work that takes time."""
    working = Signal(bool)
    """Whether there is work to cancel."""

    def __init__(self) -> None:
        self.worker = Worker(self._receive)
        self._index = LabelIndex(self.worker)
        self._done: Callable[[Any], None] = lambda _: None
        self._layer: weakref.ref[Labels] | None = None
        self._waiting: Callable[[], None] | None = None
        self._writing = False

    def attempt(self, act: Callable[[], object]) -> None:
        """Do something, or tell why not."""
        try:
            act()
        except Exception as error:  # noqa: BLE001  # whatever it is, the user is told, and the window lives on
            tell(error)
            self.said.emit(sentence(str(error)))

    def check_idle(self) -> None:
        """Raise a `UserError` while the last correction is being worked on."""
        if self._writing or self.worker.busy("tool"):
            raise UserError(
                "the last correction is still being worked on; wait for it, or press Cancel"
            )

    def cancel(self) -> None:
        """Stop what takes time; nothing is changed."""
        self.worker.cancel()
        self._waiting = None
        self.working.emit(False)
        self.said.emit("Cancelled; nothing was changed.")

    def forget(self, layer: Layer) -> None:
        """Cancel what is done to a layer that is gone; an edit that is being written is finished."""
        if (
            self._layer is not None
            and self._layer() is layer
            and (self.worker.busy() or self._waiting is not None)
        ):
            self.cancel()

    def start(
        self,
        view: View,
        work: Callable[[Place], Steps],
        done: Callable[[Any], None],
        *,
        whole: bool,
        seed: tuple[int, ...] | None = None,
        boxed: bool = False,
    ) -> None:
        """Run a tool.

        Parameters
        ----------
        view
            What it works on.
        work
            Makes its steps for a place.
        done
            Takes its result, on the main thread.
        whole
            Through all slices, or in the slice shown.
        seed
            The voxel that it starts from.
        boxed
            In an instance layer, it must know first where each object lies; when that is not known yet, it waits.
        """
        self._layer = weakref.ref(view.layer)
        edit_in_memory(view.layer)
        boxes = None
        if boxed and not view.classes:
            boxes = self._index.of(view.layer, seed)
            if boxes is None:
                self._waiting = partial(
                    self.start, view, work, done, whole=whole, seed=seed, boxed=boxed
                )
                self.working.emit(True)
                self.said.emit("Looking through the layer for its objects, once …")
                return
        self._advance(work(view.place(boxes, whole=whole)), done)

    def write(self, view: View, did: str, edit: Edit) -> None:
        """Write what a tool found, as one undo step, and say so."""
        if not view.layer.editable:
            raise UserError(f"'{view.layer.name}' cannot be edited; unlock it in the layer list")
        if isinstance(view.layer.data, SavedArray) and view.layer.data.trouble is not None:
            raise UserError(
                f"'{view.layer.name}' cannot be written ({view.layer.data.trouble}); make room there, it is tried again"
            )
        if not edit.size:
            raise UserError(
                "nothing was changed: there is no background to spread to, or what is there is locked"
            )
        steps = self._write_steps(
            view, f"{did}: {grouped(edit.size)} pixels changed. Ctrl+Z takes it back.", edit
        )
        if edit.size > BATCH:
            self.worker.run_in_event_loop(steps, atomic=True)
            return
        for _ in steps:
            pass

    def _write_steps(self, view: View, said: str, edit: Edit) -> Generator[None, None, None]:
        self._writing = True
        try:
            yield from write_steps(view.layer, edit)
        finally:
            self._writing = False
        self.said.emit(said)

    def _advance(self, steps: Steps, done: Callable[[Any], None]) -> None:
        """Run work here as long as its steps are small, and the rest on the thread."""
        end = time.perf_counter() + PATIENCE
        try:
            while next(steps).total <= AT_ONCE and time.perf_counter() < end:
                pass
        except StopIteration as found:
            done(found.value)
            return
        self._done = done
        self.worker.submit("tool", lambda: steps)
        self.working.emit(True)

    def _receive(self, report: Report) -> None:
        if report.state == "progress":
            self.progressed.emit(report.value)
            return
        if report.state in ("failed", "returned"):
            self.attempt(partial(self._settle, report))
        self.working.emit(self.worker.busy())

    def _settle(self, report: Report) -> None:
        if report.state == "failed":
            raise report.value
        if report.kind != KIND:
            self._done(report.value)
            return
        self._index.take(report.value)
        then = self._waiting
        self._waiting = None
        if then is not None:
            then()
