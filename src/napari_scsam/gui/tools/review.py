"""Marking what a person has looked at, and showing how far the review is."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.layers.outlines import find_outlines, outlines_layer
from napari_scsam.gui.layers.plane import Plane, shown_plane
from napari_scsam.gui.own_classes import key_of
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.layers import show_position
from napari_scsam.gui.tools.canvas.draw_rectangle import RectangleTool
from napari_scsam.gui.tools.canvas.rectangles import box_inside, selected_rectangles
from napari_scsam.gui.words import list_names
from napari_scsam.gui.workarounds.timer import Timer
from napari_scsam.project.project import CLASSES, Project
from napari_scsam.project.review import SliceReview, review_slice, review_steps
from napari_scsam.project.reviewed_classes import (
    classes_of_number,
    every_class,
    number_of_classes,
    painted_classes,
    recorded_classes,
)

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_scsam.config import ClassSpec
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
        self._painted: dict[int, set[int]] = {}
        self.outlines: Labels | None = None
        self.rectangle = RectangleTool(session)
        self.asked: tuple[int, ...] | None = None
        """Ids of the classes to review for, if the user chose them."""
        self._project: Project | None = None
        self._timer = Timer(self.count_shown)
        self.keeper.changed.connect(self._on_project)
        self._asked_of_model = session.choices.chosen
        session.choices.choices_changed.connect(self._on_choices)
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

    def review_for(self, classes: Sequence[ClassSpec]) -> None:
        """Set the classes that the slice shown was reviewed for, or those of the next marks."""
        with self._reporting():
            project, plane = self._shown()
            ids = tuple(spec.id for spec in classes)
            mask = project.reviewed[plane.key()]
            if not mask.any():
                self.asked = ids
                self.changed.emit()
                return
            number = number_of_classes(project, ids)
            project.reviewed[plane.key()] = np.where(mask != 0, number, 0)
            self.keeper.saver.log(
                "reviewed for", axis=plane.axis, slice=plane.position, classes=list(ids)
            )
            self._recount(project, plane)

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

    @property
    def classes_shown(self) -> tuple[int, ...]:
        """Ids of the classes that the slice shown is reviewed for, or would be."""
        project = self._project
        shown = self.slices.get(self.position)
        if project is None or self.obstacle:
            return ()
        if shown is not None and shown.numbers:
            meant = [set(classes_of_number(project, number)) for number in shown.numbers]
            return tuple(sorted(set.intersection(*meant)))
        if self.asked is not None:
            return self.asked
        known = self._painted.get(self.position, set()) & set(every_class(project))
        return tuple(sorted({*self._chosen(project), *known})) or every_class(project)

    @property
    def meanings(self) -> dict[int, tuple[int, ...]]:
        """Ids of the classes that values of the review mask stand for."""
        if self._project is None:
            return {}
        return recorded_classes(self._project)

    # Marks

    def _mark_drawn(self, corners: NDArray[np.float64]) -> None:
        with self._reporting():
            project, plane = self._shown()
            box = box_inside(corners, plane, project.record.image.shape)
            if box is None:
                raise UserError("the rectangle lies outside the image; draw one inside")
            self._mark(project, plane, box)

    def _mark(self, project: Project, plane: Plane, box: tuple[slice, slice]) -> None:
        key = list(box)
        if plane.axis is not None:
            key.insert(plane.axis, slice(plane.position, plane.position + 1))
        where = tuple(key)
        was_reviewed = bool((project.reviewed[where] != 0).all())
        classes: tuple[int, ...] = ()
        number = 0
        if not was_reviewed:
            classes = self._classes_to_review(project, where)
            number = number_of_classes(project, classes)
        project.reviewed[where] = number
        self._report_mark(plane, box, classes)
        self._recount(project, plane)

    def _recount(self, project: Project, plane: Plane) -> None:
        """Show the mask as it is now."""
        if self.outlines is not None:
            self.outlines.refresh(extent=False)
        if plane.axis in (0, None):
            self.count_shown()
        else:
            self.session.jobs.run_in_event_loop(self._count_steps(project))

    def _classes_to_review(self, project: Project, where: tuple[slice, ...]) -> tuple[int, ...]:
        """Return the classes that the user chose, else those asked for or painted there."""
        if self.asked is not None:
            return self.asked
        labels = project.array(CLASSES)[where]
        painted = painted_classes(labels, project.predicted[where])
        known = painted & set(every_class(project))
        return tuple(sorted({*self._chosen(project), *known})) or every_class(project)

    def _chosen(self, project: Project) -> tuple[int, ...]:
        """Return the ids of the project's classes that the model is asked for."""
        keys = {key_of(spec) for spec in self.session.choices.chosen}
        return tuple(sorted(spec.id for spec in project.class_table() if key_of(spec) in keys))

    def _report_mark(
        self, plane: Plane, box: tuple[slice, slice], classes: tuple[int, ...]
    ) -> None:
        """Add a mark to the history, and show what was done; without classes it was removed."""
        where: dict[str, Any] = {"axis": plane.axis, "slice": plane.position}
        what = plane.describe()
        if box != (slice(None), slice(None)):
            where["box"] = [[s.start, s.stop] for s in box]
            what = f"a rectangle of {what}"
        if not classes:
            self.keeper.saver.log("took review back", **where)
            self.session.status.emit(f"Unmarked {what}: it is no longer reviewed.")
            return
        self.keeper.saver.log("reviewed", **where, classes=list(classes))
        text = f"Marked {what} as reviewed{self._for(classes)}: "
        self.session.status.emit(f"{text}the model leaves it alone, and trains on it.")

    def _for(self, classes: tuple[int, ...]) -> str:
        """Return a few words on the classes, where they are not all."""
        project = self._project
        if project is None or set(classes) >= set(every_class(project)):
            return ""
        names = [spec.name for spec in project.class_table() if spec.id in classes]
        return f" for {list_names(names)}"

    def _rectangles(self, plane: Plane) -> list[tuple[slice, slice]]:
        viewer = self.session.viewer
        labels = self.keeper.labels
        if viewer is None or labels is None:
            return []
        return selected_rectangles(viewer.layers.selection.active, labels, plane)

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
        self.count(self.position)

    def count(self, z: int) -> None:
        """Count a slice; -1 stands for none."""
        labels = self.keeper.labels
        if z >= 0 and self._project is not None and labels is not None:
            key = z if labels.ndim == 3 else ...
            current = np.asarray(labels.data[key])
            self.slices[z] = review_slice(current, self._project.reviewed[key], self.meanings)
            self._painted[z] = painted_classes(current, self._project.predicted[key])
        self.changed.emit()

    def _on_ended(self) -> None:
        """Stop counting.

        Qt warns of a running timer that is freed by another thread or at the end of the process.
        """
        if self.session.viewer is not None:
            self.session.viewer.dims.events.current_step.disconnect(self._count_later)
        self._timer.stop()

    def _count_later(self) -> None:
        if self._project is not None:
            self._timer.start(LATER_MS)

    def _count_steps(self, project: Project) -> Generator[None, None, None]:
        for z, found in review_steps(
            project.array(CLASSES), project.reviewed, recorded_classes(project)
        ):
            if self._project is not project:
                return
            self.slices[z] = found
            yield
        self.changed.emit()

    def _on_choices(self) -> None:
        """Forget the classes to review for when the model is asked for others."""
        chosen = self.session.choices.chosen
        if chosen == self._asked_of_model:
            return
        self._asked_of_model = chosen
        self.asked = None
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
        self.asked = None
        self.outlines = None
        self.slices.clear()
        self._painted.clear()
        if project is not None and viewer is not None and image is not None:
            self._show_outlines(viewer, image, project)
            self.session.jobs.run_in_event_loop(self._count_steps(project))
            self._count_later()
        self.changed.emit()

    def _show_outlines(self, viewer: Viewer, image: Image, project: Project) -> None:
        """Show the layer of outlines, which the last widget may have left; the selection stays."""
        self.outlines = find_outlines(viewer, project)
        if self.outlines is None:
            active = viewer.layers.selection.active
            self.outlines = outlines_layer(image, project)
            viewer.add_layer(self.outlines)
            viewer.layers.selection.active = active
