"""What the model wrote into labels before they became part of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_scsam.gui.layers.plane import Plane
from napari_scsam.project.project import Project, file_hash
from napari_scsam.project.record import now
from napari_scsam.steps import Progress, Steps

if TYPE_CHECKING:
    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.gui.layers.write_prediction import OrganelleLabels

SEGMENTED = "segmented"
"""Name of the model's writes in the history of a project."""


@dataclass(frozen=True)
class Write:
    """One write of the model into a plane."""

    plane: Plane
    classes: tuple[int, ...]
    """Ids of the classes that were requested."""
    checkpoint: CheckpointInfo | None
    when: str = field(default_factory=now)

    def details(self, hashes: Mapping[Path, str]) -> dict[str, Any]:
        """Return the entry for the history of a project.

        Parameters
        ----------
        hashes
            Known hashes of checkpoints, by path.
        """
        info = self.checkpoint
        checkpoint: dict[str, Any] | None = None
        if info is not None:
            checkpoint = {"name": info.name, "sha256": hashes.get(info.path, "")}
            if info.beside:
                checkpoint["beside"] = [other.name for other in info.beside]
        where = {"axis": self.plane.axis, "slice": self.plane.position}
        return {"when": self.when, **where, "classes": list(self.classes), "checkpoint": checkpoint}


@dataclass(frozen=True, eq=False)
class MadeProject:
    """A new project, and the hashes of the checkpoints that wrote into its labels before."""

    project: Project
    hashes: Mapping[Path, str]

    def close(self) -> None:
        """Close the project, so that others can open it."""
        self.project.close()


class BeforeProject:
    """The writes of the model into labels without a project, oldest first."""

    def __init__(self) -> None:
        self._writes: WeakKeyDictionary[OrganelleLabels, list[Write]] = WeakKeyDictionary()

    def note(self, output: OrganelleLabels, write: Write) -> None:
        """Remember a write; its pixels are remembered by the labels."""
        self._writes.setdefault(output, []).append(write)

    def checkpoints(self) -> list[Path]:
        """Return the files of the checkpoints that wrote, each once."""
        infos = (write.checkpoint for writes in self._writes.values() for write in writes)
        return list({info.path: None for info in infos if info is not None})

    def keep(self, project: Project, output: OrganelleLabels, hashes: Mapping[Path, str]) -> None:
        """Write into a project, which took over these labels, what the model wrote into them."""
        writes = self._writes.pop(output, [])
        for plane in {write.plane: None for write in writes}:
            keep_predicted(project, output, plane)
        add_history(project, [{"what": SEGMENTED, **write.details(hashes)} for write in writes])


def keep_predicted(project: Project, output: OrganelleLabels, plane: Plane) -> None:
    """Write into a project which pixels of a plane the model wrote."""
    for rows, labels in output.model_pixels(plane):
        project.predicted[plane.key(rows)] = labels


def copy_predicted(old: Project, new: Project) -> None:
    """Copy what the model wrote from one project into another that took over its labels."""
    source = old.predicted
    for key in source.touched() if source.ndim == 3 else [...]:
        new.predicted[key] = source[key]
    add_history(new, [entry for entry in old.record.history if entry["what"] == SEGMENTED])


def add_history(project: Project, entries: Sequence[Mapping[str, Any]]) -> None:
    """Add what was done before the project was made, at once: there may be hundreds."""
    if not project.read_only:
        project.update(history=(*project.record.history, *entries))


def make_steps(
    make: Steps[Project], checkpoints: Sequence[Path], known: Mapping[Path, str]
) -> Steps[MadeProject]:
    """Create a project, and hash the checkpoints that it must name.

    Parameters
    ----------
    make
        Creates the project.
    checkpoints, known
        The files, and hashes that are known already.
    """
    hashes = dict(known)
    for path in checkpoints:
        if path not in hashes and path.is_file():
            yield Progress(0, 1, f"reading {path.name}")
            hashes[path] = file_hash(path)
    project = yield from make
    return MadeProject(project, hashes)
