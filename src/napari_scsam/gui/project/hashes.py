"""The hashes of the checkpoints that a project names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.project.project import file_hash
from napari_scsam.steps import Progress, Steps

if TYPE_CHECKING:
    from napari_scsam.gui.jobs.where import ModelInfo
    from napari_scsam.gui.session import Session


class CheckpointHashes:
    """Hashes checkpoints on the worker thread, each file once."""

    changed = Signal()
    """Another hash is known."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.known: dict[Path, str] = {}
        """SHA-256 by path; of a checkpoint on a server, by its name."""
        session.network.loaded.connect(self._on_loaded)

    def current(self) -> str:
        """Return the hash of the checkpoint in use; empty while it is not known."""
        info = self.session.choices.checkpoint
        if info is None:
            return ""
        return self.known.get(info.path, "")

    def add(self, known: Mapping[Path, str]) -> None:
        """Add hashes that were found elsewhere."""
        self.known.update(known)

    def request(self) -> None:
        """Hash the checkpoint in use unless its hash is known."""
        info = self.session.choices.checkpoint
        if info is not None and info.path not in self.known and info.path.is_file():
            self.session.jobs.submit(Job.HASH, partial(hash_steps, info.path), self._on_hash)

    def _on_loaded(self, model: ModelInfo) -> None:
        """Note the hash of a network that a server loaded."""
        info = self.session.choices.checkpoint
        if info is None or info.reference != model.name or not model.sha256:
            return
        if self.known.get(info.path) != model.sha256:
            self.known[info.path] = model.sha256
            self.changed.emit()

    def _on_hash(self, found: tuple[Path, str]) -> None:
        path, sha256 = found
        self.known[path] = sha256
        self.changed.emit()


def hash_steps(path: Path) -> Steps[tuple[Path, str]]:
    """Return a checkpoint's path and hash."""
    yield Progress(0, 1, f"reading {path.name}")
    return path, file_hash(path)
