"""A project whose last widget was closed while its labels are still in the window.

They go on writing to the disk, so nobody else may open it: it stays locked
until its labels are gone, or until a widget comes back to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from napari.layers import Labels

from napari_scsam.config import UserError
from napari_scsam.gui.notify import tell

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_scsam.checkpoints.checkpoint import CheckpointInfo
    from napari_scsam.project.project import Project


@dataclass(eq=False)
class LeftProject:
    """What the next widget of a viewer needs to go on with its project."""

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
        """Return what was left in a viewer, if anything was."""
        if (left := cls._left.pop(viewer, None)) is not None:
            viewer.layers.events.removed.disconnect(left.let_go)
        return left

    def stay(self, viewer: Viewer) -> None:
        """Stay open in a viewer for as long as it shows labels of the project."""
        self._left[viewer] = self
        viewer.layers.events.removed.connect(self.let_go)
        self.let_go()

    def let_go(self) -> None:
        """Close the project if no viewer shows its labels any more."""
        for viewer in [viewer for viewer, left in self._left.items() if left is self]:
            if not any(
                isinstance(layer, Labels) and layer in self.names for layer in viewer.layers
            ):
                self.take_up(viewer)
                close_or_tell(self.project)


def close_or_tell(project: Project) -> None:
    """Close a project; where not all can be written, say so, and that it is tried again."""
    try:
        project.close()
    except UserError as error:
        tell(error)
