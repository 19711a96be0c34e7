"""Networks in memory: one copy of the weights for all clients that use a checkpoint."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_scsam.checkpoints.beside import with_beside
from napari_scsam.checkpoints.card import CheckpointInfo, read_card
from napari_scsam.checkpoints.find import DEFAULT, find_checkpoint, list_checkpoints
from napari_scsam.config import UserError
from napari_scsam.errors import MissingFileError
from napari_scsam.project.project import file_hash
from napari_scsam.remote.line import NeedFilesError
from napari_scsam.server.loaded_model import LoadedModel

if TYPE_CHECKING:
    import torch

    from napari_scsam.remote.asked import Load
    from napari_scsam.remote.parts import FileRef
    from napari_scsam.server.session import ClientSession


FileStamp = tuple[Path, int]
"""A file, and when it was written (ns)."""

Stamps = tuple[tuple[str, FileStamp], ...]
"""Names and files of networks that work together."""


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
        self._loaded: OrderedDict[Stamps, LoadedModel] = OrderedDict()
        self._hashes: dict[FileStamp, str] = {}

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

    def find(self, request: Load, session: ClientSession) -> CheckpointInfo:
        """Return the checkpoint of a request, with the networks that are to work beside it.

        Raises
        ------
        NeedFilesError
            When the client has to send a file first.
        UserError
            When there is no such checkpoint, or they cannot work together.
        """
        infos = self.infos()
        main = self._find(request, request.checkpoint, session, infos)
        if not request.beside:
            return main
        return with_beside(
            main, [self._find(request, name, session, infos) for name in request.beside]
        )

    def _find(
        self,
        request: Load,
        name: str,
        session: ClientSession,
        infos: Mapping[str, CheckpointInfo],
    ) -> CheckpointInfo:
        """Return the checkpoint of a name: the client's, one of the session, or one of the list."""
        if name in request.files:
            return self._find_file(request.files[name], name, session, infos)
        if name in session.tuned:
            return read_card(session.tuned[name])
        if name not in infos:
            raise MissingFileError(
                f"the server has no checkpoint {name[:100]!r}; choose one of: {', '.join(infos)}"
            )
        return infos[name]

    def _find_file(
        self,
        ref: FileRef,
        name: str,
        session: ClientSession,
        infos: Mapping[str, CheckpointInfo],
    ) -> CheckpointInfo:
        """Return a client's checkpoint; it is not sent where the server has the same file."""
        for info in infos.values():
            if info.bytes == ref.bytes and self.hash_of_file(info.path) == ref.sha256:
                return replace(info, name=name)
        sent = session.sent.find(ref.sha256, name)
        if sent is None:
            raise NeedFilesError((ref.sha256,))
        return sent

    def hash_of_file(self, path: Path) -> str:
        """Return the SHA-256 of a file, which is read once."""
        stamp = stamp_of(path)
        if stamp not in self._hashes:
            self._hashes[stamp] = file_hash(path)
        return self._hashes[stamp]

    def load(self, info: CheckpointInfo) -> LoadedModel:
        """Load a checkpoint with the networks beside it, unless they are in memory."""
        import torch

        from napari_scsam.checkpoints.checkpoint import load_network
        from napari_scsam.volume.network_settings import network_settings

        beside = ((each.name, stamp_of(each.path)) for each in info.beside)
        stamps = (("", stamp_of(info.path)), *beside)
        if stamps not in self._loaded:
            model = load_network(info)
            settings = network_settings(model)
            model = model.eval().to(self.device).to(memory_format=torch.channels_last)
            loaded = LoadedModel(model, info, settings, self.hash_of_file(info.path))
            self._loaded[stamps] = loaded
        self._loaded.move_to_end(stamps)
        while len(self._loaded) > self.most:
            self._loaded.popitem(last=False)
        return self._loaded[stamps]


def stamp_of(path: Path) -> FileStamp:
    """Return what tells a file from what it was before."""
    return path.resolve(), path.stat().st_mtime_ns


def _card(path: Path) -> CheckpointInfo | None:
    try:
        return read_card(path)
    except UserError:
        return None
