"""What is segmented beside the slice shown: a region, some slices, the volume; and how sure a class must be."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.many_slices import RunDone, SliceDone, run_steps
from napari_scsam.gui.layers.prompt_layers import flat
from napari_scsam.gui.tools.draw_rectangle import AskedRectangle
from napari_scsam.gui.words import grouped
from napari_scsam.steps import Progress

if TYPE_CHECKING:
    from napari_scsam.gui.jobs.engine import Region, SliceRequest
    from napari_scsam.gui.layers.plane import Plane
    from napari_scsam.gui.session import Session

SLICE = "slice"
REGION = "region"
RANGE = "range"
VOLUME = "volume"
SCOPES = (SLICE, REGION, RANGE, VOLUME)

FIRST_RANGE = 10
"""Slices after the one shown that a range is proposed to end at."""


class Segmenting:
    """The verbs for more or less than a slice; made by ``session.part(Segmenting)``."""

    changed = Signal()
    """Another scope, range or threshold."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.scope = SLICE
        self.first = 0
        self.last = 0
        """The range of slices, both included."""
        self.rectangle = AskedRectangle(session)
        self._written = 0
        session.on_return("run", self._on_run)
        session.progressed.connect(self._on_progress)
        session.image_changed.connect(self._on_image)

    @property
    def depth(self) -> int:
        """Slices of the image along the axis it is seen along; 1 where none is shown."""
        try:
            request = self.session.request()
        except UserError:
            return 1
        return 1 if request.plane.axis is None else int(request.data.shape[request.plane.axis])

    @property
    def shift(self) -> float:
        """What is added to the thresholds of the chosen classes."""
        return next(
            (
                self.session.threshold_offsets[c.name]
                for c in self.session.chosen
                if c.name in self.session.threshold_offsets
            ),
            0.0,
        )

    def set_threshold_offset(self, by: float) -> None:
        """Add to the thresholds of the chosen classes; the slice shown follows at once where it was embedded."""
        for spec in self.session.chosen:
            self.session.threshold_offsets[spec.name] = by
        self.changed.emit()
        self.session.choose_classes(self.session.chosen)

    def choose_scope(self, scope: str) -> None:
        """Choose what `go` segments: the slice shown, a region of it, a range of slices or the volume."""
        self.scope = scope
        if (
            scope == RANGE
            and not (self.first or self.last)
            and (request := self.session.ask()) is not None
        ):
            self.first = request.plane.position
            self.last = min(self.first + FIRST_RANGE, self.depth - 1)
        self.changed.emit()

    def choose_range(self, first: int, last: int) -> None:
        """Choose the slices from first to last."""
        self.first = first
        self.last = last
        self.changed.emit()

    def step_class(self, by: int) -> None:
        """Choose the class that stands some places further in the list."""
        classes = self.session.classes
        chosen = self.session.chosen
        if classes:
            place = (
                classes.index(chosen[0]) + by
                if len(chosen) == 1 and chosen[0] in classes
                else min(by, 0)
            )
            self.session.choose_classes((classes[place % len(classes)],))

    def go(self) -> None:
        """Segment what was chosen."""
        if self.scope == SLICE:
            self.session.segment()
        elif (request := self.session.ask(classes=True)) is None:
            return
        elif self.scope == REGION:
            self._draw()
        else:
            self._run(request)

    def cancel(self) -> None:
        """Cancel what runs and what waits; slices that were finished stay."""
        self.session.cancel()
        if self._written:
            self.session.status.emit(
                f"Cancelled; {grouped(self._written)} slices were finished and stay."
            )
        self._written = 0

    # Many slices

    def _run(self, request: SliceRequest) -> None:
        depth = self.depth
        positions = (
            range(depth)
            if self.scope == VOLUME
            else range(
                max(0, min(self.first, self.last)), min(depth, max(self.first, self.last) + 1)
            )
        )
        if request.plane.axis is None:
            self.session.segment()
        elif not positions:
            self.session.say(
                UserError(f"there is no slice {self.first}; choose slices from 0 to {depth - 1}")
            )
        else:
            self._written = 0
            self.session.status.emit(f"Segmenting {grouped(len(positions))} slices …")
            self.session.submit("run", partial(run_steps, self.session.engine, request, positions))

    def _on_progress(self, step: Progress) -> None:
        if isinstance(step, SliceDone) and step.result is not None:
            self._written += 1
            self.session.write(step.result)

    def _on_run(self, run: RunDone) -> None:
        self._written = 0
        self.session.run_in_event_loop(
            self._tell(
                f"{grouped(run.slices)} slices segmented in {run.seconds:.0f} s; each is one undo step."
            )
        )

    def _tell(self, sentence: str) -> Generator[None, None, None]:
        """Say it after what is still to be written."""
        self.session.status.emit(sentence)
        yield

    # A region

    def _draw(self) -> None:
        words = "Drag a rectangle round what you want segmented; Esc leaves it."
        self.rectangle.ask("region to segment", words, self._segment_region)

    def _segment_region(self, corners: NDArray[np.float64]) -> None:
        if (request := self.session.ask(classes=True)) is None:
            return
        region = region_of(flat(corners, request.plane), request.data.shape, request.plane)
        if region is not None:
            self.session.segment_plane(replace(request, region=region))

    def _on_image(self) -> None:
        self.rectangle.leave()
        self.changed.emit()


def region_of(corners: np.ndarray, shape: tuple[int, ...], plane: Plane) -> Region | None:
    """Turn a rectangle's corners (x, y) into the pixels of a plane that it touches; None when these are none."""
    rows, columns = (size for axis, size in enumerate(shape) if axis != plane.axis)
    left, top = np.floor(corners.min(0) + 0.5).astype(int).tolist()
    right, bottom = np.ceil(corners.max(0) + 0.5).astype(int).tolist()
    region = (max(0, top), max(0, left), min(rows, bottom), min(columns, right))
    return region if region[0] < region[2] and region[1] < region[3] else None
