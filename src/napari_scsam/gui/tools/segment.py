"""Segmenting the slice shown, a region of it, a range of slices or the volume."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.jobs.jobs import JOB_WORDS, Job
from napari_scsam.gui.jobs.many_slices import RunDone, SliceDone, segment_slices_steps
from napari_scsam.gui.layers.drawn_marks import xy_on_plane
from napari_scsam.gui.tools.canvas.draw_rectangle import RectangleTool
from napari_scsam.gui.tools.show_class import ShowingClass
from napari_scsam.gui.tools.undo_run import UNDO_RUN_KEY, UndoingRun
from napari_scsam.gui.tools.write_labels import LabelsWriter
from napari_scsam.gui.words import count_of, list_names
from napari_scsam.steps import Progress

if TYPE_CHECKING:
    from napari_scsam.gui.jobs.slice_request import SliceRequest, SliceSegmentation
    from napari_scsam.gui.layers.plane import Plane
    from napari_scsam.gui.session import Session
    from napari_scsam.infer.suggest import Region

SLICE = "slice"
REGION = "region"
RANGE = "range"
VOLUME = "volume"
SCOPES = (SLICE, REGION, RANGE, VOLUME)

NOT_KNOWN = "the network does not know {}; paint it, or teach it by strokes under Teach"

FIRST_RANGE = 10
"""Slices after the one shown at which a proposed range ends."""

TOLD = (Job.SEGMENT_SLICES, Job.SEGMENT, Job.PROPAGATE, Job.TEACH, Job.EXPORT)
"""Work that the user asked for, and that is told when it is cancelled with other work."""


class Segmenting:
    """The verbs behind the Segment panel; made by ``session.part(Segmenting)``."""

    changed = Signal()
    """The scope, the range or the threshold offset changed."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.scope = SLICE
        self.first = 0
        self.last = 0
        """The range of slices, both included."""
        self.rectangle = RectangleTool(session)
        self._choices = session.choices
        self._jobs = session.jobs
        self._writer = session.part(LabelsWriter)
        self._showing = session.part(ShowingClass)
        self._undo = session.part(UndoingRun)
        self._written = 0
        """Slices of the current run that are finished."""
        self._jobs.progressed.connect(self._on_progress)
        self._choices.image_changed.connect(self._on_image)

    @property
    def depth(self) -> int:
        """Slices of the image along the viewing axis; 1 where none is shown."""
        try:
            request = self.session.request()
        except UserError:
            return 1
        axis = request.plane.axis
        if axis is None:
            return 1
        return int(request.data.shape[axis])

    # Choices

    @property
    def threshold_offset(self) -> float:
        """What is added to the thresholds of the chosen classes."""
        offsets = self._choices.threshold_offsets
        names = (spec.known_as for spec in self._choices.chosen)
        return next((offsets[name] for name in names if name in offsets), 0.0)

    def set_threshold_offset(self, offset: float) -> None:
        """Set it; what was just written follows, and anything else is shown."""
        self._choices.set_threshold_offset(offset)
        self.changed.emit()
        try:
            request = self.session.request()
        except UserError:
            return
        if self._writer.shown_is_embedded() and self._writer.continues(request):
            self.segment()
        else:
            self._showing.show()

    def choose_classes(self, classes: Sequence[ClassSpec]) -> None:
        """Choose what to segment; it is shown at once where the slice is embedded."""
        self._choices.choose_classes(classes)
        self._showing.show()

    def step_class(self, by: int) -> None:
        """Choose the class some places further in the list."""
        classes = self._choices.classes
        chosen = self._choices.chosen
        if not classes:
            return
        place = min(by, 0)
        if len(chosen) == 1 and chosen[0] in classes:
            place = classes.index(chosen[0]) + by
        self.choose_classes((classes[place % len(classes)],))

    def set_prefetch(self, prefetch: bool) -> None:
        """Choose whether neighbouring slices are embedded in advance."""
        if not prefetch:
            self._jobs.cancel(Job.PREFETCH)
        self._choices.set_prefetch(prefetch)

    def choose_scope(self, scope: str) -> None:
        """Choose what `go` segments: the slice shown, a region, a range of slices or the volume."""
        self.scope = scope
        if scope == RANGE and not (self.first or self.last):
            self._propose_range()
        self.changed.emit()

    def _propose_range(self) -> None:
        request = self.session.try_request()
        if request is not None:
            self.first = request.plane.position
            self.last = min(self.first + FIRST_RANGE, self.depth - 1)

    def choose_range(self, first: int, last: int) -> None:
        """Choose the slices from first to last."""
        self.first = first
        self.last = last
        self.changed.emit()

    # Segmenting

    def segment(self) -> None:
        """Segment the slice shown."""
        request = self._request()
        if request is not None:
            self.segment_plane(request)

    def _request(self) -> SliceRequest | None:
        """Return the request for those of the chosen classes that the network knows."""
        request = self.session.try_request(classes=True)
        if request is None:
            return None
        known = tuple(spec for spec in request.classes if self._choices.can_segment(spec))
        if not known:
            names = list_names([spec.name for spec in request.classes])
            self.session.report_error(UserError(NOT_KNOWN.format(names)))
            return None
        return replace(request, classes=known)

    def segment_plane(self, request: SliceRequest) -> None:
        """Segment a plane; the result goes into the labels layer of the image."""
        self.session.status.emit(f"Segmenting {request.describe()} …")
        steps = partial(self.session.engine.segment_steps, request)
        self._jobs.submit(Job.SEGMENT, steps, self._on_segmented)

    def go(self) -> None:
        """Segment what was chosen."""
        if self.scope == SLICE:
            self.segment()
            return
        request = self._request()
        if request is None:
            return
        if self.scope == REGION:
            self._draw()
        else:
            self._run(request)

    def cancel(self) -> None:
        """Cancel what runs and what waits; finished slices stay."""
        cancelled = [JOB_WORDS[job] for job in TOLD if self._jobs.busy(job)]
        self._jobs.cancel()
        self._jobs.working.emit(False)
        what = "Cancelled"
        if len(cancelled) > 1:
            what = f"Cancelled: {list_names(cancelled)}"
        stays = "nothing was changed"
        if self._written:
            stays = count_of(self._written, "finished slice stays", "finished slices stay")
        self.session.status.emit(f"{what}; {stays}.")
        self._written = 0

    def _on_segmented(self, result: SliceSegmentation) -> None:
        self.session.network.note_device(result.device)
        wanted = self._writer.without_forgotten(result)
        if wanted is not None:
            self._writer.write(wanted)

    # Many slices

    def _positions(self, depth: int) -> range:
        if self.scope == VOLUME:
            return range(depth)
        first = min(self.first, self.last)
        last = max(self.first, self.last)
        return range(max(0, first), min(depth, last + 1))

    def _run(self, request: SliceRequest) -> None:
        if request.plane.axis is None:
            self.segment()
            return
        depth = self.depth
        positions = self._positions(depth)
        if not positions:
            error = f"there is no slice {self.first}; choose slices from 0 to {depth - 1}"
            self.session.report_error(UserError(error))
            return
        self._written = 0
        self._undo.begin()
        self.session.status.emit(f"Segmenting {self.session.engine.pace.describe(len(positions))}.")
        steps = partial(segment_slices_steps, self.session.engine, request, positions)
        self._jobs.submit(Job.SEGMENT_SLICES, steps, self._on_run)

    def _on_progress(self, step: Progress) -> None:
        if isinstance(step, SliceDone) and step.result is not None:
            self._written += 1
            wanted = self._writer.without_forgotten(step.result)
            if wanted is not None:
                self._writer.write(wanted, self._undo.record(wanted.request))

    def _on_run(self, run: RunDone) -> None:
        self._written = 0
        done = f"{count_of(run.slices, 'slice')} segmented in {max(1, run.seconds):.0f} s"
        how = f"Undo run ({UNDO_RUN_KEY.replace('-', '+')}) takes all of it back"
        image = self._undo.image
        if image is not None and image is not self._choices.image:
            how = f"to undo the run, choose '{image.name}' under Volume"
        self._jobs.run_in_event_loop(self._report_steps(f"{done}; {how}."))

    def _report_steps(self, sentence: str) -> Generator[None, None, None]:
        """Show a sentence after what is still to be written."""
        self.session.status.emit(sentence)
        yield

    # A region

    def _draw(self) -> None:
        words = "Drag a rectangle around the region to segment; Esc cancels."
        self.rectangle.ask("region to segment", words, self._segment_region)

    def _segment_region(self, corners: NDArray[np.float64]) -> None:
        request = self._request()
        if request is None:
            return
        region = region_of(xy_on_plane(corners, request.plane), request.data.shape, request.plane)
        if region is not None:
            self.segment_plane(replace(request, region=region))

    def _on_image(self) -> None:
        self.rectangle.cancel()
        self.changed.emit()


def region_of(corners: NDArray[np.float64], shape: tuple[int, ...], plane: Plane) -> Region | None:
    """Return the pixels of a plane that a rectangle touches; None when there are none.

    Parameters
    ----------
    corners
        (4, 2), x and y of the rectangle's corners.
    shape
        Of the image.
    plane
        Where it was drawn.
    """
    rows, columns = plane.shape(shape)
    left, top = np.floor(corners.min(0) + 0.5).astype(int).tolist()
    right, bottom = np.ceil(corners.max(0) + 0.5).astype(int).tolist()
    region = (max(0, top), max(0, left), min(rows, bottom), min(columns, right))
    is_empty = region[0] >= region[2] or region[1] >= region[3]
    return None if is_empty else region
