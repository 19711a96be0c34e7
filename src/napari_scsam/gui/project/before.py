"""What the model wrote into labels before there was a project for them: it goes into the project that is made of them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_scsam.gui.layers.plane import Plane
from napari_scsam.project.project import Project, file_hash, now
from napari_scsam.steps import Progress

if TYPE_CHECKING:
    from napari_scsam.checkpoints.checkpoint import CheckpointInfo
    from napari_scsam.gui.layers.write_prediction import OrganelleLabels

SEGMENTED = "segmented"


@dataclass(frozen=True)
class Write:
    """One write of the model into a plane."""

    plane: Plane
    classes: tuple[int, ...]
    """The ids of the classes that it was asked for."""
    checkpoint: CheckpointInfo | None
    when: str = field(default_factory=now)

    def details(self, hashes: Mapping[Path, str]) -> dict[str, Any]:
        """Describe it for the history of a project, given the hashes of checkpoints that are known."""
        info = self.checkpoint
        checkpoint = (
            {"name": info.name, "sha256": hashes.get(info.path, "")} if info is not None else None
        )
        where = {"axis": self.plane.axis, "slice": self.plane.position}
        return {"when": self.when, **where, "classes": list(self.classes), "checkpoint": checkpoint}


@dataclass(frozen=True, eq=False)
class MadeProject:
    """A new project, and the hashes of the checkpoints that wrote into its labels before."""

    project: Project
    hashes: Mapping[Path, str]

    def close(self) -> None:
        """Let others open the project."""
        self.project.close()


class BeforeProject:
    """The writes of the model into labels without a project, oldest first."""

    def __init__(self) -> None:
        self._writes: WeakKeyDictionary[OrganelleLabels, list[Write]] = WeakKeyDictionary()

    def note(self, output: OrganelleLabels, write: Write) -> None:
        """Remember a write; its pixels are remembered by the labels."""
        self._writes.setdefault(output, []).append(write)

    def checkpoints(self) -> list[Path]:
        """List the files of the checkpoints that wrote, each once."""
        infos = (write.checkpoint for writes in self._writes.values() for write in writes)
        return list({info.path: None for info in infos if info is not None})

    def keep(self, project: Project, output: OrganelleLabels, hashes: Mapping[Path, str]) -> None:
        """Write what these labels hold of the model into the project that took them over, and say in its history how it came."""
        writes = self._writes.pop(output, [])
        for plane in {write.plane: None for write in writes}:
            keep_predicted(project, output, plane)
        add_history(project, [{"what": SEGMENTED, **write.details(hashes)} for write in writes])


def keep_predicted(project: Project, output: OrganelleLabels, plane: Plane) -> None:
    """Write down which pixels of a plane are the model's."""
    for rows, labels in output.model_pixels(plane):
        project.predicted[plane.key(rows)] = labels


def copy_predicted(old: Project, new: Project) -> None:
    """Let a project know what the model wrote in another one, whose labels it took over."""
    source = old.predicted
    for key in source.touched() if source.ndim == 3 else [...]:
        new.predicted[key] = source[key]
    add_history(new, [entry for entry in old.record.history if entry["what"] == SEGMENTED])


def add_history(project: Project, entries: Sequence[Mapping[str, Any]]) -> None:
    """Add what was done before the project was made, in one go: there may be hundreds."""
    project.update(history=(*project.record.history, *entries))


def make_steps(
    make: Generator[Progress, None, Project], checkpoints: Sequence[Path], known: Mapping[Path, str]
) -> Generator[Progress, None, MadeProject]:
    """Create a project, and hash the checkpoints that are to be named in it and are not known yet."""
    hashes = dict(known)
    for path in checkpoints:
        if path not in hashes and path.is_file():
            yield Progress(0, 1, f"reading {path.name}")
            hashes[path] = file_hash(path)
    return MadeProject((yield from make), hashes)
