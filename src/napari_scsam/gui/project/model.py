"""Stores with a project its network, what that was taught, the choices and the contrast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_scsam.checkpoints.beside import with_beside
from napari_scsam.checkpoints.find import list_checkpoints, listed_name
from napari_scsam.config import TaughtClass, UserError
from napari_scsam.gui.choices import SWITCHES
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.label_table import LabelTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_scsam.gui.session import Session
    from napari_scsam.project.project import Project


USED_SERVER = "The project was used with {}; to use it again, choose Server … under Model > Device."


class ProjectModel:
    """The network of the project of one viewer; made by `Session.part`.

    What was taught is stored under the hash of the checkpoint: it means nothing to another one.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.choices = session.choices
        self.keeper = session.part(ProjectKeeper)
        session.part(LabelTable)  # it knows the classes of the labels before these are chosen
        self._project: Project | None = None
        self._restored_for = ""
        """Hash of the checkpoint that was given the taught classes of the project."""
        self._waiting: Mapping[str, Any] = {}
        """The choices that the project stores, until its checkpoint is chosen."""
        self.keeper.changed.connect(self._on_project)
        self.choices.image_changed.connect(self._keep_contrast)
        self.choices.checkpoint_changed.connect(self._on_project)
        self.choices.choices_changed.connect(self._keep_choices)
        self.choices.page_changed.connect(self._keep_page)
        self._on_project()  # the last widget may have left a project open

    def _on_project(self) -> None:
        """Follow another project, another checkpoint, or a class that was taught."""
        project = self.keeper.project
        if project is not self._project:
            self._begin(project)
        info = self.choices.checkpoint
        found = self.keeper.hashes.current()
        if project is None or info is None or not found:
            return
        if found != self._restored_for:
            self._restored_for = found
            stored = taught_of(project, found)
            self.choices.restore_taught(merge_taught(stored, self.choices.taught))
            self._restore_choices()
        if project.read_only:
            return
        other = [entry for entry in project.record.taught if entry["checkpoint"] != found]
        own = [{"checkpoint": found, **known.to_dict()} for known in self.choices.taught]
        checkpoint: dict[str, Any] = {"name": info.name, "sha256": found}
        beside = [listed_name(other.path) or str(other.path) for other in info.beside]
        if beside:
            checkpoint["beside"] = beside
        if self.session.network.server:
            checkpoint["server"] = self.session.network.server
        project.update(checkpoint=checkpoint, taught=(*other, *own))

    def _begin(self, project: Project | None) -> None:
        self._project = project
        self._restored_for = ""
        self._waiting = project.record.chosen if project is not None else {}
        self._choose_checkpoint(project)
        self._restore_contrast(project)

    def _restore_choices(self) -> None:
        stored = self._waiting
        self._waiting = {}
        if stored:
            names = stored.get("classes") or [spec.known_as for spec in self.choices.classes]
            switches = {name: stored.get(name, default) for name, default in SWITCHES.items()}
            self.choices.restore(
                names,
                stored.get("threshold_offsets", {}),
                **switches,
                active=str(stored.get("active") or ""),
                order=stored.get("order", ()),
                page=str(stored.get("page", "")),
            )

    def _keep_page(self) -> None:
        """Keep the tab, unless that of the project is still to be shown."""
        if not self._waiting:
            self._keep_choices()

    def _keep_choices(self) -> None:
        """Store what the user chooses.

        What was chosen before the project's own choices were restored is not overwritten by them.
        """
        if self.choices.relisting and self._waiting:
            return
        self._waiting = {}
        if self._project is None or self._project.read_only:
            return
        choices = self.choices
        names = None
        if choices.chosen != choices.classes:
            names = [spec.known_as for spec in choices.chosen]
        offsets = {name: offset for name, offset in choices.threshold_offsets.items() if offset}
        active = choices.active.known_as if choices.active is not None else None
        chosen = {
            "classes": names,
            "active": active,
            "order": list(choices.order),
            "page": choices.page,
            "threshold_offsets": offsets,
            **choices.switches,
        }
        self._project.update(chosen=chosen)

    def _restore_contrast(self, project: Project | None) -> None:
        """Use the displayed contrast if that was chosen; its values are restored with the layer."""
        if project is not None and (project.record.contrast or {}).get("shown"):
            self.choices.take_contrast_as_shown(True)
        self._keep_contrast()

    def _keep_contrast(self) -> None:
        project = self._project
        image = self.keeper.image
        if project is None or image is None or self.choices.image is not image:
            return
        if project.read_only:
            return
        stored = dict(project.record.contrast or {})
        stored.pop("shown", None)
        if self.choices.contrast is not None:
            stored["shown"] = self.choices.contrast.to_dict()
        project.update(contrast=stored)

    def _choose_checkpoint(self, project: Project | None) -> None:
        """Choose the checkpoint that the project was used with last, if it is there."""
        if project is None:
            return
        stored = project.record.checkpoint or {}
        chosen = self.choices.checkpoint
        network = self.session.network
        server = str(stored.get("server", ""))
        if server and server != network.server:
            self.session.status.emit(USED_SERVER.format(server))
        infos = network.list_checkpoints() if network.server else list_checkpoints()
        listed = {info.name: info for info in infos}
        if chosen is not None:
            listed[chosen.name] = chosen.alone
        info = listed.get(str(stored.get("name")))
        if info is None:
            return
        try:
            cards = [network.find_info(name) for name in stored.get("beside", ())]
            info = with_beside(info, cards)
        except UserError as error:
            self.session.report_error(error)  # its labels stay, and so do its classes there
        if info != chosen:
            self.choices.choose_checkpoint(info)


def taught_of(project: Project, checkpoint: str) -> tuple[TaughtClass, ...]:
    """Return the classes of a project that the checkpoint of this hash was taught."""
    entries = [entry for entry in project.record.taught if entry["checkpoint"] == checkpoint]
    return tuple(TaughtClass.from_dict(entry) for entry in entries)


def merge_taught(
    stored: Sequence[TaughtClass], since: Sequence[TaughtClass]
) -> tuple[TaughtClass, ...]:
    """Merge stored and newly taught classes; stored ones win on equal id or name."""
    taken = {key for known in stored for key in (known.spec.id, known.spec.name)}
    return (*stored, *(known for known in since if not taken & {known.spec.id, known.spec.name}))
