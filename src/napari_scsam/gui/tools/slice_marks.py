"""What the strip of slices shows beside the review: a run on its way, and what to correct next."""

from __future__ import annotations

from collections.abc import Generator
from itertools import islice
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.jobs.many_slices import SliceDone
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.words import count_of

if TYPE_CHECKING:
    from napari_scsam.gui.session import Session
    from napari_scsam.steps import Progress

COUNT = 5
"""Slices that are suggested."""

REVIEWED_SHARE = 0.5
"""Share of a slice that must be reviewed for the slice to count, as in ``scsam suggest``."""


class SliceMarks:
    """Marks on the strip of slices; made by ``session.part(SliceMarks)``."""

    changed = Signal()
    """Another slice was written."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._reviewing = session.part(Reviewing)
        self.running: int | None = None
        """The slice that the current run has written last."""
        session.jobs.progressed.connect(self._on_progress)
        session.jobs.working.connect(self._on_working)

    @property
    def suggested(self) -> tuple[int, ...]:
        """Slices to correct next, the best first, as ``scsam suggest`` orders them."""
        reviewing = self._reviewing
        if reviewing.depth < 2 or reviewing.obstacle:
            return ()
        from napari_scsam.infer.suggest import next_slices

        done = sorted(z for z, one in reviewing.slices.items() if one.share >= REVIEWED_SHARE)
        return tuple(z for z, _ in islice(next_slices(reviewing.depth, done), COUNT))

    def go_to_next(self) -> None:
        """Show the slice that is suggested first; from there, the one after it."""
        reviewing = self._reviewing
        if reviewing.obstacle:
            self._session.report_error(UserError(reviewing.obstacle))
            return
        suggested = self.suggested
        if not suggested:
            self._session.status.emit("Every slice is reviewed, so none is suggested.")
            return
        z = suggested[0]
        if reviewing.position in suggested:
            place = suggested.index(reviewing.position)
            z = suggested[(place + 1) % len(suggested)]
        reviewing.go_to(z)
        self._session.status.emit(f"Slice {z} is suggested. {self._reason(z)}.")

    def _reason(self, z: int) -> str:
        """Return why a slice is suggested."""
        slices = self._reviewing.slices
        done = [other for other, one in slices.items() if one.share >= REVIEWED_SHARE]
        if not done:
            return "No slice is reviewed yet"
        far = count_of(min(abs(z - other) for other in done), "slice")
        return f"It is {far} away from the nearest reviewed one"

    def _on_progress(self, step: Progress) -> None:
        if isinstance(step, SliceDone) and step.result is not None:
            plane = step.result.request.plane
            if plane.axis == 0:
                self._session.jobs.run_in_event_loop(self._count_steps(plane.position))

    def _count_steps(self, z: int) -> Generator[None, None, None]:
        """Count a slice after it was written, and mark it while the run goes on."""
        if self._session.jobs.busy(Job.SEGMENT_SLICES):
            self.running = z
        self._reviewing.count(z)
        self.changed.emit()
        yield

    def _on_working(self, working: bool) -> None:
        if not working and self.running is not None:
            self.running = None
            self.changed.emit()
