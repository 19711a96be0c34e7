"""What is segmented beside the slice shown: a region, some slices, the volume; and how sure a class must be."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Shapes
from psygnal import Signal

from napari_scsam.config import Progress, UserError
from napari_scsam.gui.layers import NOT_KEPT, place_of
from napari_scsam.gui.prompt_layers import being_drawn, flat
from napari_scsam.gui.run_engine import RunDone, SliceDone, run_steps

if TYPE_CHECKING:
    from napari.utils.events import Event

    from napari_scsam.gui.engine import Region, SliceRequest
    from napari_scsam.gui.plane import Plane
    from napari_scsam.gui.session import Session

SLICE, REGION, RANGE, VOLUME = "slice", "region", "range", "volume"
SCOPES = (SLICE, REGION, RANGE, VOLUME)


class Segmenting:
    """The verbs for more or less than a slice; made by ``session.part(Segmenting)``."""

    changed = Signal()
    """Another scope, range or threshold."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.scope = SLICE
        self.first, self.last = 0, 0
        """The range of slices, both included."""
        self._rectangle: Shapes | None = None
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
        return next((self.session.shifts[c.name] for c in self.session.chosen if c.name in self.session.shifts), 0.0)

    def be_stricter(self, by: float) -> None:
        """Add to the thresholds of the chosen classes; the slice shown follows at once where it was embedded."""
        for spec in self.session.chosen:
            self.session.shifts[spec.name] = by
        self.changed.emit()
        self.session.choose_classes(self.session.chosen)

    def choose_scope(self, scope: str) -> None:
        """Choose what `go` segments: the slice shown, a region of it, a range of slices or the volume."""
        self.scope = scope
        self.changed.emit()

    def choose_range(self, first: int, last: int) -> None:
        """Choose the slices from first to last."""
        self.first, self.last = first, last
        self.changed.emit()

    def step_class(self, by: int) -> None:
        """Choose the class that stands some places further in the list."""
        classes, chosen = self.session.classes, self.session.chosen
        if classes:
            place = classes.index(chosen[0]) + by if len(chosen) == 1 and chosen[0] in classes else min(by, 0)
            self.session.choose_classes((classes[place % len(classes)],))

    def go(self) -> None:
        """Segment what was chosen."""
        if self.scope == SLICE:
            self.session.segment()
        elif (request := self.session.ask()) is None:
            return
        elif self.scope == REGION:
            self._draw()
        else:
            self._run(request)

    def cancel(self) -> None:
        """Cancel what runs and what waits; slices that were finished stay."""
        self.session.cancel()
        if self._written:
            self.session.status.emit(f"Cancelled; {self._written} slices were finished and stay.")
        self._written = 0

    # Many slices

    def _run(self, request: SliceRequest) -> None:
        depth = self.depth
        positions = (
            range(depth) if self.scope == VOLUME else range(max(0, min(self.first, self.last)), min(depth, max(self.first, self.last) + 1))
        )
        if request.plane.axis is None:
            self.session.segment()
        elif not positions:
            self.session.say(UserError(f"there is no slice {self.first}; choose slices from 0 to {depth - 1}"))
        else:
            self._written = 0
            self.session.status.emit(f"Segmenting {len(positions)} slices …")
            self.session.submit("run", partial(run_steps, self.session.engine, request, positions))

    def _on_progress(self, step: Progress) -> None:
        if isinstance(step, SliceDone) and step.result is not None:
            self._written += 1
            self.session.write(step.result)

    def _on_run(self, run: RunDone) -> None:
        self._written = 0
        self.session.trickle(self._tell(f"{run.slices} slices segmented in {run.seconds:.0f} s; each is one undo step."))

    def _tell(self, sentence: str) -> Generator[None, None, None]:
        """Say it after what is still to be written."""
        self.session.status.emit(sentence)
        yield

    # A region

    def _draw(self) -> None:
        viewer, image = self.session.viewer, self.session.image
        if viewer is None or image is None:
            return
        self._put_rectangle_away()
        layer = self._rectangle = Shapes(
            ndim=image.ndim, name="region to segment", edge_color="#ffd93b", face_color="transparent", **place_of(image)
        )
        layer.bind_key("Escape", lambda _: self._put_rectangle_away(), overwrite=True)
        before = viewer.layers.selection.active
        viewer.add_layer(layer)
        layer.mode = "add_rectangle"
        layer.events.data.connect(self._on_rectangle)
        layer.metadata = {NOT_KEPT: True, "before": before}
        self.session.status.emit("Drag a rectangle round what you want segmented; Esc leaves it.")

    def _on_rectangle(self, event: Event) -> None:
        if str(event.action).rsplit(".")[-1].lower() == "added":
            self.session.trickle(self._use_rectangle())

    def _use_rectangle(self) -> Generator[None, None, None]:
        """Segment in the rectangle, once the mouse has let go of it."""
        yield
        if (
            self._rectangle is None
            or being_drawn(self._rectangle)
            or not len(self._rectangle.data)
            or (request := self.session.ask()) is None
        ):
            return
        corners = flat(np.asarray(self._rectangle.data[-1]), request.plane)
        region = region_of(corners, request.data.shape, request.plane)
        self._put_rectangle_away()
        if region is not None:
            self.session.segment_plane(replace(request, region=region))

    def _put_rectangle_away(self) -> None:
        layer, self._rectangle = self._rectangle, None
        viewer = self.session.viewer
        if layer is not None and viewer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)
            if layer.metadata.get("before") in viewer.layers:
                viewer.layers.selection.active = layer.metadata["before"]

    def _on_image(self) -> None:
        self._put_rectangle_away()
        self.changed.emit()


def region_of(corners: np.ndarray, shape: tuple[int, ...], plane: Plane) -> Region | None:
    """Turn a rectangle's corners (x, y) into the pixels of a plane that it touches; None when these are none."""
    rows, columns = (size for axis, size in enumerate(shape) if axis != plane.axis)
    left, top = np.floor(corners.min(0) + 0.5).astype(int).tolist()
    right, bottom = np.ceil(corners.max(0) + 0.5).astype(int).tolist()
    region = (max(0, top), max(0, left), min(rows, bottom), min(columns, right))
    return region if region[0] < region[2] and region[1] < region[3] else None
