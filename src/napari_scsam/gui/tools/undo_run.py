"""Taking a whole run over slices back."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.layers.run_record import RunRecord
from napari_scsam.gui.tools.write_labels import LabelsWriter
from napari_scsam.gui.words import count_of

if TYPE_CHECKING:
    from napari_scsam.gui.jobs.slice_request import SliceRequest
    from napari_scsam.gui.layers.plane import Plane
    from napari_scsam.gui.session import Session

UNDO_RUN_KEY = "Alt-Z"


class UndoingRun:
    """Remembers what the last run changed; made by ``session.part(UndoingRun)``."""

    changed = Signal()
    """There is a run to undo, or there is none any more."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._writer = session.part(LabelsWriter)
        self._record: RunRecord | None = None
        self._begins = False

    @property
    def possible(self) -> bool:
        """Whether the last run can be taken back."""
        viewer = self._session.viewer
        if self._record is None or viewer is None:
            return False
        return self._record.output.layer in viewer.layers

    def begin(self) -> None:
        """Begin a run: its first slice replaces what is remembered of the run before."""
        self._begins = True

    def record(self, request: SliceRequest) -> RunRecord | None:
        """Return what remembers a slice of the run; None without its image."""
        output = self._writer.output(request)
        if output is None:
            return None
        if self._begins or self._record is None:
            self._begins = False
            self._record = RunRecord(output)
            self.changed.emit()
        return self._record

    def undo(self) -> None:
        """Take the last run back; what was edited, reviewed or locked since then stays.

        A run that is going on is stopped. Before its first slice there is nothing to take back,
        and the run before it stays.
        """
        jobs = self._session.jobs
        if self._begins and jobs.busy(Job.SEGMENT_SLICES):
            self._begins = False
            jobs.cancel_edits(Job.SEGMENT_SLICES)
            self._session.status.emit("The run was stopped before its first slice.")
            return
        record = self._record
        if record is None or not self.possible:
            self._session.status.emit("There is no run to undo.")
            return
        jobs.cancel_edits(Job.SEGMENT_SLICES)
        self._record = None
        jobs.run_in_event_loop(self._undo_steps(record), atomic=True)
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
        slices = count_of(len(record), "slice")
        self._session.status.emit(f"The run on {slices} was taken back; later edits stay.")
