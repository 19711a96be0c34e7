"""A network in the memory of a server, which several clients share."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.model import ScSAM


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A network on the device, which sessions never change."""

    model: ScSAM
    info: CheckpointInfo
    settings: dict[str, Any]
    """What tells it from other networks."""
    sha256: str
    """Of its file."""

    def copy(self) -> ScSAM:
        """Return a network of its own class table, which shares the large weights with this one."""
        return share_weights(self.model)


def share_weights(model: ScSAM) -> ScSAM:
    """Copy a network, but for its weights; what strokes change is copied, too."""
    own = {id(each) for each in model.class_prompt.parameters()}
    networks = (model, *getattr(model, "beside", ()))
    shared = [each for one in networks for each in (*one.parameters(), *one.buffers())]
    memo = {id(each): each for each in shared if id(each) not in own}
    return copy.deepcopy(model, memo)
