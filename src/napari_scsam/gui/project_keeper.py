"""Backs the labels of a viewer by a project on disk, and opens them again as they were.

The labels layers of the project's image hold a `SavedArray`: whatever writes to
them, napari's brush, undo, the model or a tool, is on disk a moment later. How
the window looks is written when it has changed, twice a second.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QCoreApplication, QTimer

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.data.project import CLASSES, PREDICTED, REVIEWED, Project, copy_project, file_hash
from napari_scsam.data.project_start import OpenedProject, open_project, project_path, start_project
from napari_scsam.gui.layers import classes_of, show_classes
from napari_scsam.gui.napari_io import image_layer
from napari_scsam.gui.notify import tell
from napari_scsam.gui.plane import Plane
from napari_scsam.gui.project_layers import can_be_kept, find_image, image_source, narrow, new_layer, remove_layers, take_over
from napari_scsam.gui.recent import remember_project
from napari_scsam.gui.view_state import describe_view, restore_drawing, restore_look, restore_view

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_scsam.gui.painting import OrganelleLabels
    from napari_scsam.gui.session import Session

EVERY_MS = 500
"""How often the view is compared with what is on disk, so that a lock or a class that was seen a second before is there."""


class ProjectKeeper:
    """The project of one viewer, if there is one; made by `Session.part`."""

    changed = Signal()
    """Another project, or news of its saving."""
    image_missed = Signal(object, str)
    """The image of the project at this path is gone; the sentence says what to ask."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.project: Project | None = None
        self.state = ""
        """A sentence on whether everything is on disk."""
        self._names: WeakKeyDictionary[Layer, str] = WeakKeyDictionary()
        self._tables: dict[str, tuple[ClassSpec, ...]] = {}
        self._history: list[tuple[str, dict[str, Any]]] = []
        self._hashes: dict[Path, str] = {}
        session.protections.append(self.protected)
        session.about_to_write.connect(self.bring_back)
        session.ended.connect(self.close)
        for kind, receiver in (("new project", self._on_made), ("open project", self._on_opened), ("save project", self._on_copied)):
            session.on_return(kind, receiver)
        session.on_return("hash", self._on_hash)
        session.checkpoint_changed.connect(self._hash_checkpoint)
        self._timer = QTimer() if QCoreApplication.instance() is not None else None
        if self._timer is not None:
            self._timer.timeout.connect(self.keep)
        if session.viewer is not None:
            session.viewer.layers.events.inserted.connect(self._on_inserted)

    # What the user does

    def new(self, text: str) -> None:
        """Make a project for the chosen image; the labels that it has already go into it."""
        try:
            source = image_source(self.session.image)
        except UserError as error:
            self.say(error)
            return
        classes = self._classes()
        wide = np.min_scalar_type(max(spec.id for spec in classes))
        dtype = np.result_type(wide, narrow(self.session.labels)) if self.session.labels is not None else wide
        make = partial(start_project, project_path(text), source, classes, typed=self.session.typed_voxel_size, dtype=dtype)
        self.session.submit("new project", make)

    def open(self, text: str, image_path: str | None = None) -> None:
        """Open a project, closing the one that is open."""
        path = Path(text)
        if self.project is None or self.project.path.resolve() != path.resolve():
            self.session.submit("open project", partial(open_project, path, image_path))

    def save_as(self, text: str) -> None:
        """Copy the project to another place, and go on there."""
        if self.project is None:
            self.say(UserError("there is no project yet; make one with New"))
            return
        self.keep()
        self.session.submit("save project", partial(copy_project, self.project, project_path(text)))

    def close(self) -> None:
        """Write everything and let go of the project; its layers stay, and what is painted on them is still saved."""
        if self._timer is not None:
            self._timer.stop()
        if self.project is not None:
            self.keep()
            self.project.close()
        self.project = None
        self._names.clear()

    # What others ask

    def protected(self, layer: Labels, plane: Plane, rows: slice, current: NDArray[Any]) -> NDArray[np.bool_]:
        """Name the pixels that a person has reviewed: the model leaves them alone."""
        if self.project is None or self.name_of(layer) is None:
            return np.zeros(current.shape, bool)
        reviewed: NDArray[np.bool_] = plane.read(self.project.reviewed, rows) != 0
        return reviewed

    def name_of(self, layer: Layer) -> str | None:
        """Tell what the project calls a layer: ``"image"``, or the name of its label image; None if it is not the project's."""
        return self._names.get(layer)

    @property
    def labels(self) -> Labels | None:
        """The layer of the class labels."""
        viewer = self.session.viewer
        layers = viewer.layers if viewer is not None else ()
        return next((layer for layer in layers if self.name_of(layer) == CLASSES), None)

    def checkpoint_hash(self) -> str:
        """Give the hash of the checkpoint in use; empty while it is not known."""
        info = self.session.checkpoint
        return self._hashes.get(info.path, "") if info is not None else ""

    def bring_back(self) -> None:
        """Show the class labels again when their layer was removed: what the model makes belongs to the project."""
        viewer, project, image = self.session.viewer, self.project, self.session.image
        if viewer is None or project is None or image is None or self.labels is not None or self.name_of(image) is None:
            return
        described = [*_descriptions(project), {}][0]
        self._use(project, viewer.add_layer(new_layer(project, CLASSES, image, described)))
        self.changed.emit()

    def log(self, what: str, **details: Any) -> None:
        """Add to the project's history, with the next look at the view."""
        self._history.append((what, details))

    def say(self, error: UserError) -> None:
        """Tell the user of a mistake."""
        tell(error)
        self.session.status.emit(str(error))

    # Twice a second

    def keep(self) -> None:
        """Write what has changed in the window beside the labels: new layers, classes, the view, the history."""
        viewer, project, image = self.session.viewer, self.project, self.session.image
        if viewer is None or project is None or image is None or image not in viewer.layers:
            return
        for layer in list(viewer.layers):
            if can_be_kept(layer, image):
                self._keep_layer(project, layer)
        history, self._history = self._history, []
        for what, details in history:
            project.log(what, **details)
        view = describe_view(viewer, self.name_of)
        if self.labels is None:  # the layer was removed, and comes back as it was
            view["layers"] += _descriptions(project)
        project.update(view=view, voxel_size=self.session.typed_voxel_size)
        self._tell_state(project)

    def _on_inserted(self, event: Event) -> None:
        if self.project is not None and isinstance(event.value, Labels):
            self.session.trickle(self._keep_soon())

    def _keep_soon(self) -> Generator[None, None, None]:
        """Take a new layer in before anybody paints on it, but not while it is being added."""
        self.keep()
        yield

    def _keep_layer(self, project: Project, layer: Labels) -> None:
        """Take a labels layer of the image into the project; see whether its class table has changed."""
        name, classes = self.name_of(layer), classes_of(layer) or ()
        if name is None:
            name = free_name(project, layer.name)
            take_over(layer, project.add_labels(name, narrow(layer), classes))
            self._names[layer] = name
        if classes and classes != self._tables.get(name):
            project.show_classes(name, classes)
            self._tables[name] = classes

    def _tell_state(self, project: Project) -> None:
        troubles = [array.trouble for array in project.arrays.values() if array.trouble is not None]
        unsaved = any(array.unsaved for array in project.arrays.values())
        state = f"NOT SAVED: {troubles[0]}. It is tried again." if troubles else "Saving …" if unsaved else "All is saved."
        if state == self.state:
            return
        if troubles:
            tell(UserError(f"{project.path.name} cannot be written ({troubles[0]}); make room there, it is tried again"))
        self.state = state
        self.changed.emit()

    # Making, opening and copying

    def _classes(self) -> tuple[ClassSpec, ...]:
        known = classes_of(self.session.labels) if self.session.labels is not None else None
        model = self.session.checkpoint.classes if self.session.checkpoint is not None else ()
        table = {spec.id: spec for spec in (*model, *(known or ()))}
        return tuple(table[key] for key in sorted(table)) or (ClassSpec(1, "organelle"),)

    def _on_made(self, project: Project) -> None:
        self.close()
        viewer, image, layer = self.session.viewer, self.session.image, self.session.labels
        if viewer is None or image is None:
            project.close()
            return
        self._begin(project, image)
        if layer is None or layer not in viewer.layers:
            layer = viewer.add_layer(new_layer(project, CLASSES, image, {}))
        else:
            take_over(layer, project.array(CLASSES))
            show_classes(layer, project.class_table())
        self._use(project, layer)
        self._finish(project, f"{project.path.name} is ready; what you paint is saved as you paint it.")

    def _on_opened(self, opened: OpenedProject) -> None:
        viewer, project = self.session.viewer, opened.project
        if project is None or opened.image is None:
            self.image_missed.emit(opened.path, opened.question)
            return
        if viewer is None:
            project.close()
            return
        for path in (project.path, *((self.project.path,) if self.project is not None else ())):
            remove_layers(viewer, path)
        self.close()
        described = {d.get("of"): d for d in project.record.view.get("layers", ())}
        image = find_image(viewer, opened.image.path) or viewer.add_layer(Layer.create(*image_layer(opened.image)))
        restore_look(image, described.get("image", {}))
        self.session.choose_image(image)
        self.session.type_voxel_size(project.record.voxel_size)
        self._begin(project, image)
        self._add_layers(viewer, project, image, described)
        restore_view(viewer, project.record.view)
        self._finish(project, f"{project.path.name} is open, as it was left.")

    def _add_layers(self, viewer: Viewer, project: Project, image: Image, described: dict[Any, Any]) -> None:
        for name in project.label_names:
            if name == CLASSES or name in described:
                layer = viewer.add_layer(new_layer(project, name, image, described.get(name, {})))
                self._names[layer] = name
                if name == CLASSES:
                    self._use(project, layer)
        for drawing in project.record.view.get("layers", ()):
            if drawing["kind"] in ("points", "shapes") and (drawn := restore_drawing(drawing)) is not None:
                viewer.add_layer(drawn)

    def _on_copied(self, path: Path) -> None:
        if self.project is not None:
            self.project.move_to(path)
            self._finish(self.project, f"Saved as {path.name}; you go on there.")

    def _begin(self, project: Project, image: Image) -> None:
        self.project, self._tables = project, {}
        self._names[image] = "image"

    def _use(self, project: Project, layer: Labels) -> None:
        """Let the model write into a layer of the project, and remember on disk what it wrote."""
        self._names[layer] = CLASSES
        if (output := self.session.use_labels(layer)) is not None:
            output.recall = lambda plane, rows: plane.read(project.predicted, rows)
            output.wrote.connect(self._on_wrote, unique=True)
            output.claimed.connect(self._remember, unique=True)

    def _remember(self, output: OrganelleLabels, plane: Plane) -> None:
        """Write down which pixels of a plane are the model's."""
        if self.project is not None and self.name_of(output.layer) == CLASSES:
            for rows, labels in output.model_pixels(plane):
                self.project.predicted[plane.key(rows)] = labels

    def _on_wrote(self, output: OrganelleLabels, plane: Plane, ids: tuple[int, ...]) -> None:
        if self.project is None or self.name_of(output.layer) != CLASSES:
            return
        self._remember(output, plane)
        info = self.session.checkpoint
        checkpoint = {"name": info.name, "sha256": self.checkpoint_hash()} if info is not None else None
        self.log("segmented", axis=plane.axis, slice=plane.position, classes=list(ids), checkpoint=checkpoint)

    def _hash_checkpoint(self) -> None:
        """Have the checkpoint in use hashed, once, for a project."""
        info = self.session.checkpoint
        if self.project is not None and info is not None and info.path.is_file() and info.path not in self._hashes:
            self.session.submit("hash", partial(hash_steps, info.path))

    def _on_hash(self, found: tuple[Path, str]) -> None:
        self._hashes.update([found])
        self.changed.emit()

    def _finish(self, project: Project, sentence: str) -> None:
        remember_project(project.path)
        self._hash_checkpoint()
        if self._timer is not None:
            self._timer.start(EVERY_MS)
        self.state = ""
        self.keep()
        self.session.status.emit(sentence)
        self.changed.emit()


def _descriptions(project: Project) -> list[dict[str, Any]]:
    """Give how the layer of the class labels looked, if that is known."""
    return [d for d in project.record.view.get("layers", ()) if d.get("of") == CLASSES]


def free_name(project: Project, wanted: str) -> str:
    """Make a name for a label image out of a layer's name."""
    taken = {*project.label_names, REVIEWED, PREDICTED}
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in wanted) or "labels"
    return next(n for number in range(1, 10_000) if (n := name if number == 1 else f"{name}_{number}") not in taken)


def hash_steps(path: Path) -> Generator[Any, None, tuple[Path, str]]:
    """Give a checkpoint's path and hash."""
    yield from ()
    return path, file_hash(path)
