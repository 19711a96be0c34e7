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
from napari_scsam.gui.layers.class_table import classes_of, show_classes
from napari_scsam.gui.layers.files import image_layer
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.notify import tell
from napari_scsam.gui.preferences import remember_project
from napari_scsam.gui.project.before import (
    SEGMENTED,
    BeforeProject,
    MadeProject,
    Write,
    copy_predicted,
    keep_predicted,
    make_steps,
)
from napari_scsam.gui.project.layers import (
    can_be_kept,
    find_image,
    has_shape_of,
    image_source,
    narrow,
    new_layer,
    remove_layers,
    shows_image,
    take_over,
)
from napari_scsam.gui.project.left_open import LeftProject, close_or_tell
from napari_scsam.gui.project.window_state import (
    describe_view,
    restore_drawing,
    restore_look,
    restore_view,
)
from napari_scsam.project.project import (
    CLASSES,
    PREDICTED,
    REVIEWED,
    Project,
    copy_project,
    file_hash,
)
from napari_scsam.project.start import OpenedProject, open_project, project_path, start_project

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_scsam.gui.layers.write_prediction import OrganelleLabels
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
        self._image_of_new: Image | None = None
        self._before = BeforeProject()
        session.protections["reviewed"] = self.protected
        session.outputs.reserved.append(self._is_reserved)
        session.outputs.wrote.connect(self._on_wrote)
        session.about_to_write.connect(self.bring_back)
        session.ended.connect(self._leave)
        for kind, receiver in (
            ("new project", self._on_made),
            ("open project", self._on_opened),
            ("save project", self._on_copied),
        ):
            session.on_return(kind, receiver)
        session.on_return("hash", self._on_hash)
        session.checkpoint_changed.connect(self._hash_checkpoint)
        self._timer = QTimer() if QCoreApplication.instance() is not None else None
        if self._timer is not None:
            self._timer.timeout.connect(self.keep)
        if session.viewer is not None:
            session.viewer.layers.events.inserted.connect(self._on_inserted)
            if (left := LeftProject.take_up(session.viewer)) is not None:
                self._take_up(left)

    # What the user does

    def new(self, text: str) -> None:
        """Create a project for the chosen image; the labels that it has already go into it."""
        image = self.session.image
        try:
            source = image_source(image)
        except UserError as error:
            self.say(error)
            return
        classes = self._classes()
        typed = self.session.typed_voxel_size(image) if image is not None else None
        wide = np.min_scalar_type(max(spec.id for spec in classes))
        dtype = (
            np.result_type(wide, narrow(self.session.labels))
            if self.session.labels is not None
            else wide
        )
        make = partial(start_project, project_path(text), source, classes, typed=typed, dtype=dtype)
        self._image_of_new = image
        checkpoints = self._before.checkpoints()
        known = dict(self._hashes)
        self.session.submit("new project", lambda: make_steps(make(), checkpoints, known))

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
            close_or_tell(self.project)
        self.project = None
        self._names.clear()

    def _leave(self) -> None:
        """Leave the project to the next widget of this viewer, if its labels are still there."""
        viewer = self.session.viewer
        project = self.project
        if viewer is None or project is None or self.session.window_is_gone:
            self.close()
            return
        if self._timer is not None:
            self._timer.stop()
        self.keep()
        self.project = None
        names = self._names
        self._names = WeakKeyDictionary()
        LeftProject(project, names, self.session.checkpoint, self._hashes).stay(viewer)

    def _take_up(self, left: LeftProject) -> None:
        """Go on with the project that the last widget of this viewer left."""
        self.project = left.project
        self._names = left.names
        self._hashes = left.hashes
        self._look_for_image()
        if left.checkpoint is not None:
            self.session.choose_checkpoint(left.checkpoint)
        if (image := self.image) is not None:
            self.session.choose_image(image)
            self.session.type_voxel_size(left.project.record.voxel_size)
            if (labels := self.labels) is not None:
                self._use(left.project, labels)
        self._finish(left.project, f"'{left.project.path.name}' is open, as it was left.")

    # What others ask

    def protected(
        self, layer: Labels, plane: Plane, rows: slice, current: NDArray[Any]
    ) -> NDArray[np.bool_]:
        """Name the pixels that a person has reviewed: the model leaves them alone."""
        if self.project is None or self.name_of(layer) is None:
            return np.zeros(current.shape, bool)
        reviewed: NDArray[np.bool_] = plane.read(self.project.reviewed, rows) != 0
        return reviewed

    def name_of(self, layer: Layer) -> str | None:
        """Tell what the project calls a layer: ``"image"``, or the name of its label image; None if it is not the project's."""
        return self._names.get(layer)

    @property
    def image(self) -> Image | None:
        """The layer of the project's image."""
        viewer = self.session.viewer
        project = self.project
        if viewer is None or project is None:
            return None
        images = [layer for layer in viewer.layers if isinstance(layer, Image)]
        return next(
            (
                image
                for image in images
                if self.name_of(image) == "image" and has_shape_of(image, project.record.image)
            ),
            None,
        )

    @property
    def labels(self) -> Labels | None:
        """The layer of the class labels."""
        viewer = self.session.viewer
        layers = viewer.layers if viewer is not None else ()
        return next((layer for layer in layers if self.name_of(layer) == CLASSES), None)

    def checkpoint_hash(self) -> str:
        """Return the hash of the checkpoint in use; empty while it is not known."""
        info = self.session.checkpoint
        return self._hashes.get(info.path, "") if info is not None else ""

    def bring_back(self, image: Image) -> None:
        """Show the class labels again when their layer was removed: what the model makes of the project's image belongs to the project."""
        viewer = self.session.viewer
        project = self.project
        if viewer is None or project is None or image is not self.image:
            return
        if (labels := self.labels) is None:
            described = [*_descriptions(project), {}][0]
            self._add(viewer, project, CLASSES, described)
            self.changed.emit()
        elif (
            self.session.outputs.layer_of(image) is None
        ):  # the image was removed, and is there again
            self._use(project, labels)

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
        viewer = self.session.viewer
        project = self.project
        image = self.image
        if viewer is None or project is None:
            return
        history = self._history
        self._history = []
        for what, details in history:
            project.log(what, **details)
        if image is not None:  # else the window shows something else
            self._keep_window(viewer, project, image)
        self._tell_state(project)

    def _keep_window(self, viewer: Viewer, project: Project, image: Image) -> None:
        for layer in list(viewer.layers):
            if can_be_kept(layer, image) and not self.session.outputs.is_of_another(layer, image):
                self._keep_layer(project, layer, image)
        view = describe_view(viewer, self.name_of)
        if self.labels is None:  # the layer was removed, and comes back as it was
            view["layers"] += _descriptions(project)
        project.update(view=view, voxel_size=self.session.typed_voxel_size(image))

    def _on_inserted(self, event: Event) -> None:
        if self.project is not None and isinstance(event.value, Labels):
            self.session.run_in_event_loop(self._keep_soon())
        if isinstance(event.value, Image):
            self._look_for_image()

    def _look_for_image(self) -> None:
        """Know the project's image again when its layer was removed and another one shows the same."""
        viewer = self.session.viewer
        project = self.project
        if viewer is None or project is None or self.image is not None:
            return
        images = (layer for layer in viewer.layers if isinstance(layer, Image))
        if (
            image := next(
                (image for image in images if shows_image(image, project.record.image)), None
            )
        ) is not None:
            for old in [layer for layer, name in self._names.items() if name == "image"]:
                del self._names[old]
            self._names[image] = "image"
            self.session.type_voxel_size(project.record.voxel_size, image)
            self.changed.emit()

    def _keep_soon(self) -> Generator[None, None, None]:
        """Take a new layer in before anybody paints on it, but not while it is being added."""
        self.keep()
        yield

    def _keep_layer(self, project: Project, layer: Labels, image: Image) -> None:
        """Take a labels layer of the image into the project; see whether its class table has changed."""
        name = self.name_of(layer)
        classes = classes_of(layer) or ()
        if name is None:
            name = free_name(project, layer.name)
            take_over(layer, project.add_labels(name, narrow(layer), classes))
            self._names[layer] = name
            self.session.outputs.belongs(layer, image)
        if classes and classes != self._tables.get(name):
            project.show_classes(name, classes)
            self._tables[name] = classes

    def _tell_state(self, project: Project) -> None:
        troubles = [array.trouble for array in project.arrays.values() if array.trouble is not None]
        state = (
            f"NOT SAVED: {troubles[0]}. It is tried again."
            if troubles
            else "Saving …"
            if project.unsaved
            else "All is saved."
        )
        if state == self.state:
            return
        if troubles:
            tell(
                UserError(
                    f"'{project.path.name}' cannot be written ({troubles[0]}); make room there, it is tried again"
                )
            )
        self.state = state
        self.changed.emit()

    # Making, opening and copying

    def _classes(self) -> tuple[ClassSpec, ...]:
        known = classes_of(self.session.labels) if self.session.labels is not None else None
        model = self.session.checkpoint.classes if self.session.checkpoint is not None else ()
        table = {spec.id: spec for spec in (*model, *(known or ()))}
        return tuple(table[key] for key in sorted(table)) or (ClassSpec(1, "organelle"),)

    def _on_made(self, made: MadeProject) -> None:
        project = made.project
        viewer = self.session.viewer
        image = self._image_of_new
        old = self.project
        self._image_of_new = None
        if viewer is None or image is None or image not in viewer.layers:
            project.close()
            return
        of_another = old is not None and self.image is not image
        of_old = self.labels
        self._hashes.update(made.hashes)
        self.close()
        if (
            old is not None and of_another
        ):  # its labels are no part of the new one, and would go on writing into it
            remove_layers(viewer, old.path)
        self.session.choose_image(image)
        layer = self.session.labels
        self._begin(project, image)
        if layer is None or layer not in viewer.layers:
            self._add(viewer, project, CLASSES, {})
        else:
            take_over(layer, project.array(CLASSES))
            show_classes(layer, project.class_table())
            output = self._use(project, layer)
            if old is not None and layer is of_old:
                copy_predicted(old, project)
            elif output is not None:
                self._before.keep(project, output, self._hashes)
        self._finish(
            project, f"'{project.path.name}' is ready; what you paint is saved as you paint it."
        )

    def _on_opened(self, opened: OpenedProject) -> None:
        viewer = self.session.viewer
        project = opened.project
        if project is None or opened.image is None:
            self.image_missed.emit(opened.path, opened.question)
            return
        if viewer is None:
            project.close()
            return
        paths = (project.path, *((self.project.path,) if self.project is not None else ()))
        self.close()
        for path in paths:
            remove_layers(viewer, path)
        described = {d.get("of"): d for d in project.record.view.get("layers", ())}
        image = find_image(viewer, opened.image) or viewer.add_layer(
            Layer.create(*image_layer(opened.image))
        )
        restore_look(image, described.get("image", {}))
        self.session.choose_image(image)
        self.session.type_voxel_size(project.record.voxel_size)
        self._begin(project, image)
        self._add_layers(viewer, project, described)
        restore_view(viewer, project.record.view)
        self._finish(project, f"'{project.path.name}' is open, as it was left.")

    def _add_layers(self, viewer: Viewer, project: Project, described: dict[Any, Any]) -> None:
        for name in project.label_names:
            if name == CLASSES or name in described:
                self._add(viewer, project, name, described.get(name, {}))
        for drawing in project.record.view.get("layers", ()):
            if (
                drawing["kind"] in ("points", "shapes")
                and (drawn := restore_drawing(drawing)) is not None
            ):
                viewer.add_layer(drawn)

    def _add(
        self, viewer: Viewer, project: Project, name: str, description: dict[str, Any]
    ) -> None:
        """Show a label image of the project; its layer is known by its name before anybody hears of it."""
        if (image := self.image) is None:
            return
        layer = new_layer(project, name, image, description)
        self._names[layer] = name
        self.session.outputs.belongs(layer, image)
        if name == CLASSES:
            self._use(project, layer)
        viewer.add_layer(layer)

    def _on_copied(self, path: Path) -> None:
        if self.project is not None:
            self.project.move_to(path)
            self._finish(self.project, f"Saved as '{path.name}'; you go on there.")

    def _begin(self, project: Project, image: Image) -> None:
        self.project = project
        self._tables = {}
        self._names[image] = "image"

    def _use(self, project: Project, layer: Labels) -> OrganelleLabels | None:
        """Let the model write into a layer of the project, and remember on disk what it wrote."""
        self._names[layer] = CLASSES
        if (image := self.image) is None:
            return None
        output = self.session.outputs.use(image, layer)
        output.recall = lambda plane, rows: plane.read(project.predicted, rows)
        output.claimed.connect(self._remember, unique=True)
        return output

    def _is_reserved(self, layer: Layer, image: Image) -> bool:
        """Tell of the project's labels that they are not for another image."""
        return self.name_of(layer) is not None and image is not self.image

    def _remember(self, output: OrganelleLabels, plane: Plane) -> None:
        """Write down which pixels of a plane are the model's."""
        if self.project is not None and self.name_of(output.layer) == CLASSES:
            keep_predicted(self.project, output, plane)

    def _on_wrote(self, output: OrganelleLabels, plane: Plane, ids: tuple[int, ...]) -> None:
        write = Write(plane, ids, self.session.checkpoint)
        if self.project is None or self.name_of(output.layer) != CLASSES:
            self._before.note(output, write)
            return
        self._remember(output, plane)
        self.log(SEGMENTED, **write.details(self._hashes))

    def _hash_checkpoint(self) -> None:
        """Have the checkpoint in use hashed, once, for a project."""
        info = self.session.checkpoint
        if (
            self.project is not None
            and info is not None
            and info.path.is_file()
            and info.path not in self._hashes
        ):
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
    """Return how the layer of the class labels looked, if that is known."""
    return [d for d in project.record.view.get("layers", ()) if d.get("of") == CLASSES]


def free_name(project: Project, wanted: str) -> str:
    """Create a name for a label image out of a layer's name."""
    taken = {*project.label_names, REVIEWED, PREDICTED}
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in wanted) or "labels"
    return next(
        n
        for number in range(1, 10_000)
        if (n := name if number == 1 else f"{name}_{number}") not in taken
    )


def hash_steps(path: Path) -> Generator[Any, None, tuple[Path, str]]:
    """Return a checkpoint's path and hash."""
    yield from ()
    return path, file_hash(path)
