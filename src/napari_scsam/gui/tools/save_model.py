"""Saving the network with the classes that it was taught, or forgetting them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.words import capitalized

if TYPE_CHECKING:
    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.config import TaughtClass
    from napari_scsam.gui.session import Session

SUFFIX = ".safetensors"


class TaughtModel:
    """Saves or forgets what the network was taught; made by ``session.part(TaughtModel)``."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def save(self, text: str) -> None:
        """Save the network as it is now as a checkpoint, and choose that."""
        info = self.session.choices.checkpoint
        if info is None:
            return
        path = Path(text if text.endswith(SUFFIX) else text + SUFFIX)
        steps = partial(self.session.engine.save_steps, str(info.path), path)
        self.session.jobs.submit(Job.SAVE_MODEL, steps, self._on_saved)

    def forget(self, known: TaughtClass) -> None:
        """Forget a class that the network was taught; labels keep it, with name and colour."""
        choices = self.session.choices
        choices.forget(known)
        name = capitalized(known.spec.name)
        what = "was reset to the saved version" if known.spec in choices.classes else "is forgotten"
        self.session.status.emit(f"{name} {what}; its pixels keep it.")

    def _on_saved(self, info: CheckpointInfo) -> None:
        self.session.choices.choose_checkpoint(info)
        names = ", ".join(spec.name for spec in info.classes)
        self.session.status.emit(f"Saved as {info.path.name}; it knows {names}.")
