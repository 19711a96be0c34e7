"""Saving the network with the classes that it was taught."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_scsam.gui.jobs.jobs import Job

if TYPE_CHECKING:
    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.gui.session import Session

SUFFIX = ".safetensors"


class TaughtModel:
    """Saves what the network was taught; made by ``session.part(TaughtModel)``."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def save(self, text: str) -> None:
        """Save the network as it is now as a checkpoint, and choose that."""
        info = self.session.choices.checkpoint
        if info is None:
            return
        path = Path(text if text.endswith(SUFFIX) else text + SUFFIX)
        steps = partial(self.session.engine.save_steps, info, path)
        self.session.jobs.submit(Job.SAVE_MODEL, steps, self._on_saved)

    def _on_saved(self, info: CheckpointInfo) -> None:
        if not self.session.network.server:  # a server has no file of this computer
            self.session.choices.exchange_checkpoint(info)
        names = ", ".join(spec.name for spec in info.classes)
        where = f"{info.path.name} in {info.path.parent}"
        self.session.status.emit(f"Saved as {where}; it knows {names}.")
