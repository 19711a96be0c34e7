"""A project whose last widget was closed while its labels are still in the window.

They still write to the disk, so no one else may open the project: it stays locked until its
labels are gone, or until a new widget resumes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from napari.layers import Labels

from napari_scsam.config import UserError
from napari_scsam.gui.notify import notify_error

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.project.project import Project


@dataclass(eq=False)
class LeftProject:
    """What the next widget of a viewer needs to resume its project."""

    project: Project
    names: WeakKeyDictionary[Layer, str]
    """What the project calls its layers."""
    checkpoint: CheckpointInfo | None
    """The one that was in use."""
    hashes: dict[Path, str]
    """Of the checkpoints, by path."""

    _left: ClassVar[WeakKeyDictionary[Viewer, LeftProject]] = WeakKeyDictionary()

    @classmethod
    def take_up(cls, viewer: Viewer) -> LeftProject | None:
        """Return the project that was left in a viewer, and no longer watch it."""
        left = cls._left.pop(viewer, None)
        if left is not None:
            viewer.layers.events.removed.disconnect(left.close_if_unused)
        return left

    def stay(self, viewer: Viewer) -> None:
        """Stay open in a viewer for as long as it shows labels of the project."""
        self._left[viewer] = self
        viewer.layers.events.removed.connect(self.close_if_unused)
        self.close_if_unused()

    def close_if_unused(self) -> None:
        """Close the project if no viewer shows its labels any more."""
        for viewer in [viewer for viewer, left in self._left.items() if left is self]:
            if not self._is_shown(viewer):
                self.take_up(viewer)
                close_project(self.project)

    def _is_shown(self, viewer: Viewer) -> bool:
        labels = (layer for layer in viewer.layers if isinstance(layer, Labels))
        return any(layer in self.names for layer in labels)


def close_project(project: Project) -> None:
    """Close a project; show an error when not everything can be written."""
    try:
        project.close()
    except UserError as error:
        notify_error(error)
