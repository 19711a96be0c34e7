"""Checkpoints that a client has sent; no other client can load them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_scsam.checkpoints.card import CheckpointInfo, read_card
from napari_scsam.config import UserError
from napari_scsam.remote.asked import PutFile
from napari_scsam.remote.networks import NETWORK_SUFFIX

MOST_ADDED = 64
"""Parts that fine-tuning added to a network; each takes memory before its weights are compared."""


@dataclass
class Arriving:
    """A file that is not whole yet."""

    path: Path
    size: int = 0
    """Bytes that have come."""
    digest: Any = field(default_factory=hashlib.sha256)


class SentFiles:
    """The files of one session.

    Parameters
    ----------
    most
        Bytes of all of them.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._whole: dict[str, Path] = {}
        self._arriving: dict[str, Arriving] = {}

    @property
    def size(self) -> int:
        """Bytes on disk."""
        whole = sum(path.stat().st_size for path in self._whole.values())
        return whole + sum(each.size for each in self._arriving.values())

    def put(self, request: PutFile, folder: Path) -> None:
        """Add a part of a file.

        Parameters
        ----------
        request
            The part; parts come in order, and the first one begins the file again.
        folder
            Of the session.

        Raises
        ------
        UserError
            When the file is too large, a part is missing, or the file arrived damaged.
        """
        name = request.file.sha256
        if name in self._whole:
            return
        if request.offset == 0:
            self._begin(name, folder)
        arriving = self._arriving.get(name)
        if arriving is None or arriving.size != request.offset or not request.data:
            raise UserError("a part of the file is missing; send it from its beginning")
        others = self.size - arriving.size
        if max(request.file.bytes, arriving.size + len(request.data)) + others > self.most:
            self._drop(name)
            raise UserError(f"the server takes files of {self.most >> 20} MB at most, all together")
        with arriving.path.open("ab") as file:
            file.write(request.data)
        arriving.digest.update(request.data)
        arriving.size += len(request.data)
        if arriving.size >= request.file.bytes:
            self._finish(request)

    def _begin(self, name: str, folder: Path) -> None:
        self._drop(name)
        path = folder / f"sent-{name}{NETWORK_SUFFIX}"
        path.unlink(missing_ok=True)
        self._arriving[name] = Arriving(path)

    def _finish(self, request: PutFile) -> None:
        """Check that a file is what it was called."""
        name = request.file.sha256
        arriving = self._arriving[name]
        if arriving.size != request.file.bytes or arriving.digest.hexdigest() != name:
            self._drop(name)
            raise UserError("the file arrived damaged; send it again")
        self._whole[name] = self._arriving.pop(name).path

    def _drop(self, name: str) -> None:
        arriving = self._arriving.pop(name, None)
        if arriving is not None:
            arriving.path.unlink(missing_ok=True)

    def find(self, sha256: str, name: str) -> CheckpointInfo | None:
        """Return the card of a file under the name that its client has for it; None without it.

        Raises
        ------
        UserError
            When the file is not a checkpoint, or is an imported network, which is code.
        """
        path = self._whole.get(sha256)
        if path is None:
            return None
        try:
            info = read_card(path)
        except UserError as error:
            raise UserError(str(error).replace(str(path), name)) from error
        if info.classes_only:
            raise UserError(
                f"{name} is an imported network, and a server runs none that is sent to it; "
                "put it into the folder of its checkpoints"
            )
        if len(info.corrections) + len(info.tuned) > MOST_ADDED:
            raise UserError(
                f"{name} was fine-tuned more often than a server takes; train another one"
            )
        return replace(info, name=name)
