"""Keeps with a project which network it was made with, what that was taught and asked for, and the contrast that it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_scsam.checkpoints.checkpoint import list_checkpoints
from napari_scsam.config import TaughtClass
from napari_scsam.gui.project.keeper import ProjectKeeper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_scsam.gui.session import Session
    from napari_scsam.project.project import Project


SWITCHES = {"replace": False, "prefetch": True, "tta": False}
"""What a project keeps of the switches under Segment, and how they stand in one that was made before there was such a switch."""


class ProjectModel:
    """The network of the project of one viewer; made by `Session.part`.

    What was taught is kept under the hash of the checkpoint: it means nothing
    to another one.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.keeper = session.part(ProjectKeeper)
        self._project: Project | None = None
        self._recalled = ""
        """Hash of the checkpoint that knows again what the project keeps for it."""
        self._choice: Mapping[str, Any] = {}
        """What was chosen when the project was left, while it waits for its checkpoint."""
        self.keeper.changed.connect(self._on_news)
        session.image_changed.connect(self._keep_contrast)
        session.checkpoint_changed.connect(self._on_news)
        session.choices_changed.connect(self._on_choice)
        self._on_news()  # a project that the last widget left is there already

    def _on_news(self) -> None:
        """See to a project that was opened, a checkpoint that was chosen, a class that was taught."""
        project = self.keeper.project
        if project is not self._project:
            self._project = project
            self._recalled = ""
            self._choice = project.record.chosen if project is not None else {}
            self._choose(project)
            self._recall_contrast(project)
        info = self.session.checkpoint
        found = self.keeper.checkpoint_hash()
        if project is None or info is None or not found:
            return
        if found != self._recalled:
            self._recalled = found
            self.session.restore_taught(joined(taught_of(project, found), self.session.taught))
            self._restore_choices()
        other = [entry for entry in project.record.taught if entry["checkpoint"] != found]
        taught = (
            *other,
            *({"checkpoint": found, **known.to_dict()} for known in self.session.taught),
        )
        project.update(checkpoint={"name": info.name, "sha256": found}, taught=taught)

    def _restore_choices(self) -> None:
        choice = self._choice
        self._choice = {}
        if choice:
            names = choice["classes"] or [spec.name for spec in self.session.classes]
            switches = {name: choice.get(name, default) for name, default in SWITCHES.items()}
            self.session.restore_choices(names, choice["threshold_offsets"], **switches)

    def _on_choice(self) -> None:
        """Keep what the user chooses; a choice made before the project's own was recalled stands."""
        self._choice = {}
        if (project := self._project) is not None:
            session = self.session
            names = (
                None
                if session.chosen == session.classes
                else [spec.name for spec in session.chosen]
            )
            threshold_offsets = {name: by for name, by in session.threshold_offsets.items() if by}
            switches = {
                "replace": session.replace_edits,
                "prefetch": session.prefetch,
                "tta": session.tta,
            }
            project.update(
                chosen={"classes": names, "threshold_offsets": threshold_offsets, **switches}
            )

    def _recall_contrast(self, project: Project | None) -> None:
        """Take the contrast as shown if that was chosen; the contrast itself comes back with the layer."""
        if project is not None and (project.record.contrast or {}).get("shown"):
            self.session.take_contrast_as_shown(True)
        self._keep_contrast()

    def _keep_contrast(self) -> None:
        if (
            (project := self._project) is not None
            and self.keeper.image is not None
            and self.session.image is self.keeper.image
        ):
            contrast = self.session.contrast
            shown = {"shown": contrast.to_dict()} if contrast is not None else {}
            project.update(
                contrast={
                    **{k: v for k, v in (project.record.contrast or {}).items() if k != "shown"},
                    **shown,
                }
            )

    def _choose(self, project: Project | None) -> None:
        """Choose the checkpoint that the project was used with last, if it is on this machine."""
        name = ((project.record.checkpoint if project is not None else None) or {}).get("name")
        chosen = self.session.checkpoint
        if name is not None and (chosen is None or chosen.name != name):
            for info in (info for info in list_checkpoints() if info.name == name):
                self.session.choose_checkpoint(info)
                return


def taught_of(project: Project, checkpoint: str) -> tuple[TaughtClass, ...]:
    """Return the classes of a project that the checkpoint of this hash was taught."""
    return tuple(
        TaughtClass.from_dict(entry)
        for entry in project.record.taught
        if entry["checkpoint"] == checkpoint
    )


def joined(kept: Sequence[TaughtClass], since: Sequence[TaughtClass]) -> tuple[TaughtClass, ...]:
    """Put together what a project keeps and what was taught since, without two of one id or name."""
    taken = {key for known in kept for key in (known.spec.id, known.spec.name)}
    return (*kept, *(known for known in since if not taken & {known.spec.id, known.spec.name}))
