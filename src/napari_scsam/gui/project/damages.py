"""Parts of the open project that cannot be read: named, given up, or restored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.project.damage import (
    Damage,
    RepairSource,
    give_up,
    known_damage,
    restore,
)
from napari_scsam.project.damage_sources import find_sources, open_repair_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_scsam.gui.session import Session
    from napari_scsam.project.project import Project


class ProjectDamages:
    """The damaged parts of the project of one viewer; made by `Session.part`."""

    changed = Signal()
    """Other parts cannot be read."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.found: tuple[Damage, ...] = ()
        """What cannot be read."""
        self._keeper = session.part(ProjectKeeper)
        self._project: Project | None = None
        self._keeper.changed.connect(self._on_project)
        self._keeper.saver.damage_changed.connect(self.look)
        self._on_project()

    def look(self) -> None:
        """Find out what cannot be read."""
        project = self._keeper.project
        found: tuple[Damage, ...] = ()
        if project is not None:
            found = known_damage(project)
        if found != self.found:
            self.found = found
            self.changed.emit()

    def give_up(self) -> None:
        """Set all damaged parts to zeros; their files are kept in the project."""
        self._do(give_up)

    def restore(self, path: str = "") -> None:
        """Fill the damaged class labels from other labels of the image.

        Parameters
        ----------
        path
            Of these labels. When it is empty, the model's last answers are taken, or labels in the image.
        """
        self._do(lambda project, damage: restore(project, damage, _source(project, damage, path)))

    def _do(self, act: Callable[[Project, Damage], None]) -> None:
        project = self._keeper.project
        if project is None:
            return
        lost = any(not damage.blocks for damage in self.found)
        try:
            for damage in self.found:
                act(project, damage)
        except (UserError, OSError) as error:
            self.session.report_error(error)
        self.look()
        if lost:  # layers show arrays that were made again
            self._keeper.open_again()
        elif self.session.viewer is not None:
            for layer in self.session.viewer.layers:
                layer.refresh()

    def _on_project(self) -> None:
        if self._keeper.project is not self._project:
            self._project = self._keeper.project
            self.look()


def _source(project: Project, damage: Damage, path: str) -> RepairSource:
    """Return what a damaged part is filled from.

    Raises
    ------
    UserError
        When there is nothing.
    """
    if path:
        return open_repair_source(project, Path(path))
    sources = find_sources(project, damage)
    if not sources:
        raise UserError(
            f"{damage.sentence}, and there is nothing to restore it from; "
            "choose labels of a run, or give it up"
        )
    return sources[0]
