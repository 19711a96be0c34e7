"""Backs the labels of a viewer by a project on disk, and opens them again as they were.

The labels layers hold a `SavedArray`: whatever writes to them is on disk a moment later. The look of
the window is written when it has changed, twice a second.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.layers.class_table import show_classes
from napari_scsam.gui.layers.files import image_layer_data
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.preferences import remember_project
from napari_scsam.gui.project.before import (
    SEGMENTED,
    BeforeProject,
    MadeProject,
    Write,
    copy_predicted,
    make_steps,
)
from napari_scsam.gui.project.hashes import CheckpointHashes
from napari_scsam.gui.project.layers import (
    find_image,
    remove_layers,
    take_over,
)
from napari_scsam.gui.project.left_open import LeftProject, close_project
from napari_scsam.gui.project.new_project import new_project_steps
from napari_scsam.gui.project.opening import describe_opening, show_layers
from napari_scsam.gui.project.project_layers import IMAGE_LAYER, ProjectLayers
from napari_scsam.gui.project.saver import ProjectSaver, described_labels
from napari_scsam.gui.project.window_state import (
    restore_look,
    restore_view,
    sound_view,
)
from napari_scsam.project.copy_project import copy_project
from napari_scsam.project.project import CLASSES, Project
from napari_scsam.project.start import OpenedProject, open_project, project_path

if TYPE_CHECKING:
    from napari.utils.events import Event

    from napari_scsam.gui.layers.write_prediction import OrganelleLabels
    from napari_scsam.gui.session import Session

NO_PROJECT = "there is no project yet; make one with New"


class ProjectKeeper:
    """The project of one viewer, if there is one; made by `Session.part`."""

    changed = Signal()
    """Another project, or another state of its saving."""
    image_missed = Signal(object, str)
    """The image of the project at this path is missing; the sentence says what to ask."""
    image_changed = Signal(object, str, bool)
    """The image shows something else; as above, and whether the labels fit it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.hashes = CheckpointHashes(session)
        self.layers = ProjectLayers(session)
        self.saver = ProjectSaver(session, self.layers)
        self._image_of_new: Image | None = None
        self._before = BeforeProject()
        self._connect()

    def _connect(self) -> None:
        session = self.session
        session.protect("reviewed", self.protected)
        session.outputs.wrote.connect(self._on_wrote)
        session.about_to_write.connect(self.restore_labels)
        session.ended.connect(self._leave)
        session.choices.checkpoint_changed.connect(self._request_hash)
        self.hashes.changed.connect(self.changed)
        self.saver.changed.connect(self.changed)
        if session.viewer is None:
            return
        session.viewer.layers.events.inserted.connect(self._on_inserted)
        left = LeftProject.take_up(session.viewer)
        if left is not None:
            self._resume(left)

    # What the user does

    def new(self, text: str) -> None:
        """Create a project for the chosen image; its labels become part of the project."""
        try:
            steps = new_project_steps(self.session, text)
        except UserError as error:
            self.session.report_error(error)
            return
        self._image_of_new = self.session.choices.image
        checkpoints = self._before.checkpoints()
        make = partial(make_steps, steps, checkpoints, dict(self.hashes.known))
        self.session.jobs.submit(Job.NEW_PROJECT, make, self._on_made)

    def open(
        self, text: str, image_path: str | None = None, *, accept_changes: bool = False
    ) -> None:
        """Open a project, closing the one that is open; that one may be at another path now."""
        path = Path(text)
        project = self.project
        if project is not None and project.path.resolve() == path.resolve():
            return
        if project is not None and project.folder.is_at(path):
            project.follow(path)
            self._finish(project, f"'{path.name}' is continued where it is now.")
            return
        steps = partial(open_project, path, image_path, accept_changes=accept_changes)
        self.session.jobs.submit(Job.OPEN_PROJECT, steps, self._on_opened)

    def accept_image(self, text: str, image_path: str | None = None) -> None:
        """Open a project with an image that shows something else than before."""
        self.open(text, image_path, accept_changes=True)

    def open_again(self) -> None:
        """Close the project and open it as it is on disk."""
        if self.project is not None:
            path = self.project.path
            self.close()
            self.changed.emit()  # nobody keeps the old one, also where the new one cannot be opened
            self.open(str(path))

    def save_as(self, text: str) -> None:
        """Copy the project to another place, and continue with the copy."""
        if self.project is None:
            self.session.report_error(UserError(NO_PROJECT))
            return
        self.saver.save()
        steps = partial(copy_project, self.project, project_path(text), moving=True)
        self.session.jobs.submit(Job.COPY_PROJECT, steps, self._on_copied)

    def close(self) -> None:
        """Write everything and close the project; what is painted on its layers is still saved."""
        self.saver.stop()
        if self.project is not None:
            self.saver.save()
            close_project(self.project)
        self.layers.end()

    def _leave(self) -> None:
        """Leave the project to the next widget of this viewer, if it still shows its labels."""
        viewer = self.session.viewer
        project = self.project
        if viewer is None or project is None or self.session.window_is_gone:
            self.close()
            return
        self.saver.stop()
        self.saver.save()
        names = self.layers.end()
        LeftProject(project, names, self.session.choices.checkpoint, self.hashes.known).stay(viewer)

    def _resume(self, left: LeftProject) -> None:
        """Continue with the project that the last widget of this viewer left."""
        choices = self.session.choices
        self.layers.resume(left.project, left.names)
        self.hashes.known = left.hashes
        self._find_image()
        if left.checkpoint is not None:
            choices.choose_checkpoint(left.checkpoint)
        image = self.image
        if image is not None:
            choices.choose_image(image)
            choices.type_voxel_size(left.project.record.voxel_size)
            if self.labels is not None:
                self.layers.use(self.labels)
        self._finish(left.project, f"'{left.project.path.name}' is open, as it was left.")

    # What others ask

    @property
    def project(self) -> Project | None:
        """The open project."""
        return self.layers.project

    @property
    def image(self) -> Image | None:
        """The layer of the project's image."""
        return self.layers.image

    @property
    def labels(self) -> Labels | None:
        """The layer of the class labels."""
        return self.layers.labels

    def protected(
        self, layer: Labels, plane: Plane, rows: slice, current: NDArray[Any]
    ) -> NDArray[np.bool_]:
        """Return the pixels that a person has reviewed: the model leaves them alone."""
        if self.project is None or self.layers.name_of(layer) is None:
            return np.zeros(current.shape, bool)
        reviewed: NDArray[np.bool_] = plane.read(self.project.reviewed, rows) != 0
        return reviewed

    def restore_labels(self, image: Image) -> None:
        """Show the class labels again if their layer was removed.

        What the model finds in the project's image belongs to the project.
        """
        project = self.project
        if project is None or image is not self.image:
            return
        labels = self.labels
        if labels is None:
            described = described_labels(project)
            self.layers.add(CLASSES, described[0] if described else {})
            self.changed.emit()
        elif self.session.outputs.layer_of(image) is None:
            # The image was removed, and shown again.
            self.layers.use(labels)

    # What happens in the viewer

    def _on_inserted(self, event: Event) -> None:
        if isinstance(event.value, Image):
            self._find_image()

    def _find_image(self) -> None:
        if self.layers.find_image():
            self.changed.emit()

    # Creating, opening and copying

    def _on_made(self, made: MadeProject) -> None:
        project = made.project
        viewer = self.session.viewer
        image = self._image_of_new
        old = self.project
        old_labels = self.labels
        is_of_another = self.image is not image
        self._image_of_new = None
        if viewer is None or image is None or image not in viewer.layers:
            project.close()
            return
        self.hashes.add(made.hashes)
        self.close()
        if old is not None and is_of_another:
            # Its labels do not belong to the new project, and would still write into the old one.
            remove_layers(viewer, old.path)
        self.session.choices.choose_image(image)
        layer = self.session.labels
        self.layers.begin(project, image)
        if layer is None or layer not in viewer.layers:
            self.layers.add(CLASSES, {})
        else:
            self._take_over_labels(project, layer, old if layer is old_labels else None)
        text = f"'{project.path.name}' is ready; what you paint is saved as you paint it."
        self._finish(project, text)

    def _take_over_labels(self, project: Project, layer: Labels, old: Project | None) -> None:
        """Move the labels of a layer, until now of an `old` project or of none, into a new one."""
        take_over(layer, project.array(CLASSES))
        show_classes(layer, project.class_table())
        output = self.layers.use(layer)
        if old is not None:
            copy_predicted(old, project)
        elif output is not None:
            self._before.keep(project, output, self.hashes.known)

    def _on_opened(self, opened: OpenedProject) -> None:
        viewer = self.session.viewer
        project = opened.project
        if opened.changed:
            self.image_changed.emit(opened.path, opened.question, opened.fits)
            return
        if project is None or opened.image is None:
            self.image_missed.emit(opened.path, opened.question)
            return
        if viewer is None:
            project.close()
            return
        old = self.project
        self.close()
        remove_layers(viewer, project.path)
        if old is not None:
            remove_layers(viewer, old.path)
        view = sound_view(project.record.view)
        described = {d.get("of"): d for d in view["layers"]}
        image = find_image(viewer, opened.image)
        if image is None:
            image = viewer.add_layer(Layer.create(*image_layer_data(opened.image)))
        restore_look(image, described.get(IMAGE_LAYER, {}))
        self.session.choices.choose_image(image)
        self.session.choices.type_voxel_size(project.record.voxel_size)
        self.layers.begin(project, image)
        show_layers(viewer, self.layers, project, view)
        restore_view(viewer, view)
        self._finish(project, describe_opening(opened))

    def _on_copied(self, path: Path) -> None:
        if self.project is not None:
            self.project.move_to(path)
            self._finish(self.project, f"Saved as '{path.name}', which is open now.")

    def _finish(self, project: Project, sentence: str) -> None:
        remember_project(project.path)
        self._request_hash()
        self.saver.start()
        self.session.status.emit(sentence)
        self.changed.emit()

    # What the model wrote

    def _on_wrote(self, output: OrganelleLabels, plane: Plane, ids: tuple[int, ...]) -> None:
        write = Write(plane, ids, self.session.choices.checkpoint)
        if self.project is None or self.layers.name_of(output.layer) != CLASSES:
            self._before.note(output, write)
            return
        self.layers.remember(output, plane)
        self.saver.log(SEGMENTED, **write.details(self.hashes.known))

    def _request_hash(self) -> None:
        """Hash the checkpoint in use for the project."""
        if self.project is not None:
            self.hashes.request()
