"""Marking what a person has looked at, and showing how far the review is."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Shapes
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QCoreApplication, QTimer

from napari_scsam.config import UserError
from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, geometry_of
from napari_scsam.gui.layers.plane import Plane, shown_plane
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.layers import show_position
from napari_scsam.gui.tools.draw_rectangle import RectangleTool
from napari_scsam.project.project import CLASSES, REVIEWED_TABLE, Project
from napari_scsam.project.review import Outlines, SliceReview, review_slice, review_steps

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_scsam.gui.session import Session

LATER_MS = 300
"""Delay between the last stroke or step of the slider and a new count of the slice shown."""


class Reviewing:
    """Review marks in the project of one viewer; made by `Session.part`."""

    changed = Signal()
    """Another slice, or other counts."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.keeper = session.part(ProjectKeeper)
        self.slices: dict[int, SliceReview] = {}
        """Counts of the slices that hold a label or a mark."""
        self.outlines: Labels | None = None
        self.rectangle = RectangleTool(session)
        self._project: Project | None = None
        self._timer = QTimer() if QCoreApplication.instance() is not None else None
        if self._timer is not None:
            self._timer.setSingleShot(True)
            self._timer.timeout.connect(self.count_shown)
        self.keeper.changed.connect(self._on_project)
        if session.viewer is not None:
            session.viewer.dims.events.current_step.connect(self._count_later)
        session.ended.connect(self._on_ended)
        self._on_project()  # the last widget may have left a project open

    # What the user does

    def mark_slice(self) -> None:
        """Mark the slice shown as reviewed, or unmark it."""
        with self._reporting():
            project, plane = self._shown()
            self._mark(project, plane, (slice(None), slice(None)))

    def mark_rectangle(self) -> None:
        """Mark or unmark the selected rectangles of a shapes layer on the slice shown.

        Without any, the user is asked to draw one.
        """
        with self._reporting():
            project, plane = self._shown()
            boxes = self._rectangles(plane)
            for box in boxes:
                self._mark(project, plane, box)
            if not boxes:
                words = "Drag a rectangle around what is right on this slice; Esc cancels."
                self.rectangle.ask("rectangle to mark", words, self._mark_drawn)

    def go_to(self, z: int) -> None:
        """Show a slice."""
        viewer = self.session.viewer
        image = self.session.choices.image
        if viewer is not None and image is not None and image.ndim == 3:
            show_position(viewer, image, 0, z)

    @property
    def position(self) -> int:
        """The slice shown, along the first axis; -1 when none is."""
        with suppress(UserError):
            _, plane = self._shown()
            if plane.axis in (0, None):
                return plane.position
        return -1

    @property
    def depth(self) -> int:
        """The number of slices of the project's image."""
        if self._project is None or len(self._project.record.image.shape) != 3:
            return 1
        return self._project.record.image.shape[0]

    @property
    def obstacle(self) -> str:
        """Why nothing can be reviewed now, and what to do; empty where it can."""
        image = self.session.choices.image
        own = self.keeper.image
        if self.keeper.project is None:
            return "there is no project to keep the review in; make one with New, under Project"
        if own is None:
            return "the image of this project is not in the window; open it again to review it"
        if image is None:
            return f"no image is chosen; choose '{own.name}' to review it"
        if image is not own:
            choose = f"choose '{own.name}' to review it, or make a project for this one"
            return f"'{image.name}' is not the image of this project; {choose}"
        return ""

    # Marks

    def _mark_drawn(self, corners: NDArray[np.float64]) -> None:
        with self._reporting():
            project, plane = self._shown()
            box = _box_inside(corners, plane, project.record.image.shape)
            if box is None:
                raise UserError("the rectangle lies outside the image; draw one inside")
            self._mark(project, plane, box)

    def _mark(self, project: Project, plane: Plane, box: tuple[slice, slice]) -> None:
        key = list(box)
        if plane.axis is not None:
            key.insert(plane.axis, slice(plane.position, plane.position + 1))
        was_reviewed = bool((project.reviewed[tuple(key)] != 0).all())
        project.reviewed[tuple(key)] = 0 if was_reviewed else 1
        self._report_mark(plane, box, was_reviewed=was_reviewed)
        if self.outlines is not None:
            self.outlines.refresh(extent=False)
        if plane.axis in (0, None):
            self.count_shown()
        else:
            self.session.jobs.run_in_event_loop(self._count_steps(project))

    def _report_mark(self, plane: Plane, box: tuple[slice, slice], *, was_reviewed: bool) -> None:
        """Add a mark to the history, and show what was done."""
        where: dict[str, Any] = {"axis": plane.axis, "slice": plane.position}
        what = plane.describe()
        if box != (slice(None), slice(None)):
            where["box"] = [[s.start, s.stop] for s in box]
            what = f"a rectangle of {what}"
        if was_reviewed:
            self.keeper.saver.log("took review back", **where)
            self.session.status.emit(f"Unmarked {what}: it is no longer reviewed.")
        else:
            self.keeper.saver.log("reviewed", **where)
            text = f"Marked {what} as reviewed: the model leaves it alone, and trains on it."
            self.session.status.emit(text)

    def _rectangles(self, plane: Plane) -> list[tuple[slice, slice]]:
        viewer = self.session.viewer
        labels = self.keeper.labels
        layer = viewer.layers.selection.active if viewer is not None else None
        if not isinstance(layer, Shapes) or not layer.selected_data or labels is None:
            return []
        found = [
            rectangle_on(labels, layer, layer.data[number], plane)
            for number in sorted(layer.selected_data)
        ]
        inside = [box for box in found if all(s.start < s.stop for s in box)]
        if not inside:
            raise UserError("the selected rectangle lies outside the image; draw one inside")
        return inside

    def _shown(self) -> tuple[Project, Plane]:
        viewer = self.session.viewer
        image = self.session.choices.image
        project = self.keeper.project
        if project is None or viewer is None or image is None or self.obstacle:
            raise UserError(self.obstacle)
        return project, shown_plane(viewer, image)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except UserError as error:
            self.session.report_error(error)

    # Counts

    def count_shown(self) -> None:
        """Count the slice shown."""
        labels = self.keeper.labels
        z = self.position
        if z >= 0 and self._project is not None and labels is not None:
            key = z if labels.ndim == 3 else ...
            self.slices[z] = review_slice(np.asarray(labels.data[key]), self._project.reviewed[key])
        self.changed.emit()

    def _on_ended(self) -> None:
        """Stop counting.

        Qt warns of a running timer that is freed by another thread or at the end of the process.
        """
        if self.session.viewer is not None:
            self.session.viewer.dims.events.current_step.disconnect(self._count_later)
        if self._timer is not None:
            self._timer.stop()

    def _count_later(self) -> None:
        if self._timer is not None and self._project is not None:
            self._timer.start(LATER_MS)

    def _count_steps(self, project: Project) -> Generator[None, None, None]:
        for z, found in review_steps(project.array(CLASSES), project.reviewed):
            if self._project is not project:
                return
            self.slices[z] = found
            yield
        self.changed.emit()

    # The project

    def _on_project(self) -> None:
        project = self.keeper.project
        viewer = self.session.viewer
        image = self.keeper.image
        labels = self.keeper.labels
        if labels is not None:
            labels.events.paint.connect(self._count_later)  # connecting again does nothing
        if project is self._project:
            return
        self._project = project
        self.outlines = None
        self.slices.clear()
        if project is not None and viewer is not None and image is not None:
            self._show_outlines(viewer, image, project)
            self.session.jobs.run_in_event_loop(self._count_steps(project))
        self.changed.emit()

    def _show_outlines(self, viewer: Viewer, image: Image, project: Project) -> None:
        """Show the layer of outlines, which the last widget may have left; the selection stays."""
        left = (
            layer
            for layer in viewer.layers
            if isinstance(layer.data, Outlines) and layer.data.mask is project.reviewed
        )
        self.outlines = next(left, None)
        if self.outlines is not None:
            return
        active = viewer.layers.selection.active
        colours = {None: "transparent", 1: REVIEWED_TABLE[0].colour}
        self.outlines = Labels(
            Outlines(project.reviewed),
            name="reviewed",
            opacity=0.9,
            colormap=DirectLabelColormap(color_dict=colours),
            metadata={NOT_KEPT_KEY: True},
            **geometry_of(image),
        )
        self.outlines.editable = False
        viewer.add_layer(self.outlines)
        viewer.layers.selection.active = active


def rectangle_on(
    labels: Labels, shapes: Shapes, corners: np.ndarray, plane: Plane
) -> tuple[slice, slice]:
    """Return the pixels of a plane inside a drawn shape's bounding box, as rows and columns."""
    missing = labels.ndim - corners.shape[1]
    world = [shapes.data_to_world(corner) for corner in corners]
    points = np.array([labels.world_to_data((*[0.0] * missing, *point)) for point in world])
    axes = [axis for axis in range(labels.ndim) if axis != plane.axis]
    low = np.ceil(points.min(0) - 1e-6).astype(int)
    high = np.floor(points.max(0) + 1e-6).astype(int) + 1
    rows, columns = (
        slice(max(0, int(low[a])), min(labels.data.shape[a], int(high[a]))) for a in axes
    )
    return rows, columns


def _box_inside(
    corners: NDArray[np.float64], plane: Plane, shape: tuple[int, ...]
) -> tuple[slice, slice] | None:
    """Return the pixels of a plane inside a rectangle; None where it lies outside the image."""
    if plane.axis is not None:
        corners = np.delete(corners, plane.axis, axis=1)
    low = np.ceil(corners.min(0)).astype(int)
    high = np.floor(corners.max(0)).astype(int) + 1
    rows, columns = (
        slice(max(0, int(first)), min(size, int(end)))
        for first, end, size in zip(low, high, plane.shape(shape), strict=True)
    )
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    return rows, columns
