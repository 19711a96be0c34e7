"""Networks in memory: one copy of the weights for all clients that use a checkpoint."""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.checkpoints.card import CheckpointInfo, read_card
from napari_scsam.checkpoints.find import DEFAULT, find_checkpoint, list_checkpoints
from napari_scsam.config import UserError
from napari_scsam.errors import MissingFileError

if TYPE_CHECKING:
    import torch

    from napari_scsam.model import ScSAM


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A network on the device, which sessions never change."""

    model: ScSAM
    info: CheckpointInfo
    settings: dict[str, Any]
    """What tells it from other networks."""

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


class ModelStore:
    """Loads the checkpoints that clients may use.

    Parameters
    ----------
    device
        Where networks are used.
    folder
        Whose checkpoints are offered beside those of this computer.
    most
        Networks in memory.
    """

    def __init__(self, device: torch.device, folder: Path | None, most: int) -> None:
        self.device = device
        self.folder = folder
        self.most = most
        self._loaded: OrderedDict[tuple[Path, int], LoadedModel] = OrderedDict()

    def infos(self) -> dict[str, CheckpointInfo]:
        """Return the checkpoints by the names that clients use; no path is a name."""
        found = {info.name: info for info in list_checkpoints()}
        if self.folder is not None:
            root = self.folder.resolve()
            for path in sorted(root.glob("*.safetensors")):
                info = _card(path)
                if info is not None and path.resolve().is_relative_to(root):
                    found[info.name] = info
        return {DEFAULT: read_card(find_checkpoint(DEFAULT)), **found}

    def find(self, name: str, own: dict[str, Path]) -> CheckpointInfo:
        """Return the checkpoint of a name.

        Parameters
        ----------
        name
            From the list.
        own
            Checkpoints of the session, by name.

        Raises
        ------
        UserError
            When there is none; the message lists the known ones.
        """
        if name in own:
            return read_card(own[name])
        infos = self.infos()
        if name not in infos:
            raise MissingFileError(
                f"the server has no checkpoint {name[:100]!r}; choose one of: {', '.join(infos)}"
            )
        return infos[name]

    def load(self, info: CheckpointInfo) -> LoadedModel:
        """Load a checkpoint, unless it is in memory."""
        import torch

        from napari_scsam.checkpoints.checkpoint import load_checkpoint
        from napari_scsam.volume.network_settings import network_settings

        stamp = (info.path.resolve(), info.path.stat().st_mtime_ns)
        if stamp not in self._loaded:
            model = load_checkpoint(info.path)
            settings = network_settings(model)
            model = model.eval().to(self.device).to(memory_format=torch.channels_last)
            self._loaded[stamp] = LoadedModel(model, info, settings)
        self._loaded.move_to_end(stamp)
        while len(self._loaded) > self.most:
            self._loaded.popitem(last=False)
        return self._loaded[stamp]


def _card(path: Path) -> CheckpointInfo | None:
    try:
        return read_card(path)
    except UserError:
        return None
