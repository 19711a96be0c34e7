"""Saving the network with the classes that it was taught, as a checkpoint for other volumes and the command line."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_scsam.checkpoints.checkpoint import CheckpointInfo
    from napari_scsam.gui.session import Session

SUFFIX = ".safetensors"


class SavingModel:
    """The verb behind *Save*; made by ``session.part(SavingModel)``."""

    def __init__(self, session: Session) -> None:
        self.session = session
        session.on_return("save model", self._on_saved)

    def save(self, text: str) -> None:
        """Save the network as it is now, and choose it."""
        if (info := self.session.checkpoint) is not None:
            path = Path(text if text.endswith(SUFFIX) else text + SUFFIX)
            self.session.submit(
                "save model", partial(self.session.engine.save_steps, str(info.path), path)
            )

    def _on_saved(self, info: CheckpointInfo) -> None:
        self.session.choose_checkpoint(info)
        self.session.status.emit(
            f"Saved as {info.path.name}; it knows {', '.join(spec.name for spec in info.classes)}."
        )
