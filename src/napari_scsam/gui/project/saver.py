"""Saving what changes in a window into its project, twice a second."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.notify import notify_error
from napari_scsam.gui.project.window_state import describe_view, sound_view
from napari_scsam.gui.workarounds.timer import Timer
from napari_scsam.io.saved.anchored_store import MissingStoreError
from napari_scsam.project.project import CLASSES

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_scsam.gui.project.project_layers import ProjectLayers
    from napari_scsam.gui.session import Session
    from napari_scsam.io.stored_chunks import ChunkIndex
    from napari_scsam.project.project import Project

EVERY_MS = 500
"""Time between two looks at the window: a lock that was set a second ago is on disk."""

PLACE = ("camera", "dims")
"""What of a view says where the window looks."""


class ProjectSaver:
    """Writes new layers, class tables, the look of the window and the history of a project.

    Parameters
    ----------
    session
        Of the viewer.
    layers
        The layers of the project.
    """

    changed = Signal()
    """The state changed."""
    damage_changed = Signal()
    """Other parts of the project cannot be read."""

    def __init__(self, session: Session, layers: ProjectLayers) -> None:
        self.session = session
        self.state = ""
        """A sentence on whether everything is on disk."""
        self._layers = layers
        self._history: list[tuple[str, dict[str, Any]]] = []
        """What is to be added to the project's history."""
        self._damaged: set[tuple[str, ChunkIndex]] = set()
        self._timer = Timer(self.save, once=False)
        if session.viewer is not None:
            session.viewer.layers.events.inserted.connect(self._on_inserted)

    def start(self) -> None:
        """Save now, and from now on twice a second."""
        self._timer.start(EVERY_MS)
        self.state = ""
        self.save()

    def stop(self) -> None:
        """Stop saving by itself."""
        self._timer.stop()

    def log(self, what: str, **details: Any) -> None:
        """Add to the project's history; it is written by the next `save`."""
        self._history.append((what, details))

    def save(self) -> None:
        """Write what has changed in the window: new layers, classes, the view, the history."""
        viewer = self.session.viewer
        project = self._layers.project
        image = self._layers.image
        if viewer is None or project is None:
            return
        trouble = None
        if not project.read_only:
            try:
                self._write(viewer, project, image)
            except (UserError, OSError) as error:  # tried again by the next `save`
                trouble = error
        self._show_damage(project)
        self._show_state(project, project.trouble or trouble)

    def _write(self, viewer: Viewer, project: Project, image: Image | None) -> None:
        history = self._history
        self._history = []
        for what, details in history:
            project.log(what, **details)
        if image is not None:  # else the window shows another image
            self._save_window(viewer, project, image)

    def _save_window(self, viewer: Viewer, project: Project, image: Image) -> None:
        self._layers.keep()
        view = describe_view(viewer, self._layers.name_of)
        if self._layers.labels is None:  # the layer was removed, and is restored as it was
            view["layers"] += described_labels(project)
        if self.session.choices.image not in (None, image):
            view |= place_of(project)  # the window looks at another image
        project.update(view=view, voxel_size=self.session.choices.typed_voxel_size(image))

    def _on_inserted(self, event: Event) -> None:
        if self._layers.project is not None and isinstance(event.value, Labels):
            self.session.jobs.run_in_event_loop(self._save_soon())

    def _save_soon(self) -> Generator[None, None, None]:
        """Store a new layer before anyone paints on it, but not while it is being added."""
        self.save()
        yield

    def _show_state(self, project: Project, trouble: Exception | None) -> None:
        state = _describe_state(project, trouble)
        if state == self.state:
            return
        if isinstance(trouble, MissingStoreError):
            notify_error(UserError(f"NOT SAVED: {trouble}"))
        elif trouble is not None:
            problem = f"'{project.path.name}' cannot be written ({trouble})"
            notify_error(UserError(f"{problem}; free some space, it is tried again"))
        self.state = state
        self.changed.emit()

    def _show_damage(self, project: Project) -> None:
        """Report parts that could not be read since the last look."""
        damaged = {
            (name, block) for name, array in project.arrays.items() for block in array.damaged
        }
        if damaged != self._damaged:
            self._damaged = damaged
            self.damage_changed.emit()


def place_of(project: Project) -> dict[str, Any]:
    """Return the camera and the slice that the project was left with, as far as they are known."""
    view = project.record.view
    return {key: view[key] for key in PLACE if key in view}


def described_labels(project: Project) -> list[dict[str, Any]]:
    """Return how the layer of the class labels looked: one description, or none."""
    return [d for d in sound_view(project.record.view)["layers"] if d.get("of") == CLASSES]


def _describe_state(project: Project, trouble: Exception | None) -> str:
    if project.read_only:
        return "Read-only: a newer version of napari-scsam wrote it. Changes are not saved."
    if trouble is not None:
        return f"NOT SAVED: {trouble}. It is tried again."
    if project.unsaved:
        return "Saving …"
    if any(array.damaged for array in list(project.arrays.values())):
        return "All is saved, but a part cannot be read."
    return "All is saved."
