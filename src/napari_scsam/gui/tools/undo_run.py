"""Taking a whole run over slices back."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.layers.run_record import RunRecord
from napari_scsam.gui.project.label_table import LabelTable
from napari_scsam.gui.tools.write_labels import LabelsWriter
from napari_scsam.gui.words import count_of

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer
    from napari.utils.events import Event

    from napari_scsam.gui.jobs.slice_request import SliceRequest
    from napari_scsam.gui.layers.plane import Plane
    from napari_scsam.gui.session import Session

UNDO_RUN_KEY = "Alt-Z"


class UndoingRun:
    """Remembers what the last run on each image changed; made by ``session.part(UndoingRun)``."""

    changed = Signal()
    """Whether there is a run to undo may have changed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._writer = session.part(LabelsWriter)
        self._records: list[RunRecord] = []
        """One for each labels layer that a run wrote into."""
        self.image: Image | None = None
        """What the last run is on; None once it was removed."""
        self._begins = False
        session.choices.image_changed.connect(self.changed)
        session.outputs.used.connect(self._on_used)
        viewer = session.viewer
        if viewer is not None:
            viewer.layers.events.removed.connect(self._on_removed)

    @property
    def possible(self) -> bool:
        """Whether the last run on the chosen image can be taken back."""
        return self._record() is not None

    def _record(self) -> RunRecord | None:
        """Return what remembers the last run on the chosen image."""
        labels = self._session.labels
        return next((one for one in self._records if one.output.layer is labels), None)

    def begin(self) -> None:
        """Begin a run: its first slice replaces what is remembered of the run before."""
        self._begins = True
        self.image = self._session.choices.image

    def record(self, request: SliceRequest) -> RunRecord | None:
        """Return what remembers a slice of the run; None without its image."""
        output = self._writer.output(request)
        if output is None:
            return None
        found = next((one for one in self._records if one.output is output), None)
        if found is not None and not self._begins:
            return found
        self._begins = False
        self._forget(output.layer)
        made = RunRecord(output)
        self._records.append(made)
        self.changed.emit()
        return made

    def undo(self) -> None:
        """Take the last run on the chosen image back.

        What was edited, reviewed or locked since then stays, and so do runs on other images.
        A run that is going on is stopped. Before its first slice there is nothing to take back,
        and the run before it stays.
        """
        jobs = self._session.jobs
        is_last = self.image is self._session.choices.image
        if is_last and self._begins and jobs.busy(Job.SEGMENT_SLICES):
            self._begins = False
            jobs.cancel_edits(Job.SEGMENT_SLICES)
            self._session.status.emit("The run was stopped before its first slice.")
            return
        record = self._record()
        if record is None:
            self._session.status.emit("There is no run to undo.")
            return
        if is_last:  # a run on another image goes on
            jobs.cancel_edits(Job.SEGMENT_SLICES)
        self._records.remove(record)
        jobs.run_in_event_loop(self._undo_steps(record), atomic=True)
        self.changed.emit()

    def _forget(self, layer: Layer) -> None:
        self._records = [one for one in self._records if one.output.layer is not layer]

    def _on_removed(self, event: Event) -> None:
        layer = event.value
        self._forget(layer)
        if layer is self.image:
            self._stop_pointless()
        self.changed.emit()

    def _stop_pointless(self) -> None:
        """Stop the run on an image that was removed, also while another one is chosen."""
        self.image = None
        jobs = self._session.jobs
        if jobs.busy(Job.SEGMENT_SLICES):
            jobs.cancel_edits(Job.SEGMENT_SLICES)
            self._session.status.emit("The image was removed; the work on it was cancelled.")

    def _on_used(self, _image: Image, _layer: Labels) -> None:
        self.changed.emit()

    def _undo_steps(self, record: RunRecord) -> Generator[None, None, None]:
        protections = tuple(self._session.protections.values())
        layer = record.output.layer

        def protect(plane: Plane, rows: slice, current: NDArray[Any]) -> NDArray[np.bool_]:
            kept = np.zeros(current.shape, bool)
            for protection in protections:
                kept |= protection(layer, plane, rows, current)
            return kept

        yield from record.take_back_steps(protect)
        self._session.part(LabelTable).bring_back(layer)
        slices = count_of(len(record), "slice")
        self._session.status.emit(f"The run on {slices} was taken back; later edits stay.")
