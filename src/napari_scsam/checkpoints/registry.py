"""The registry of published SAM weights, for clicks or to train from, and their download.

``weights/registry.json`` has for each its address, size, hash and licence, and the
source of these facts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_scsam.config import UserError
from napari_scsam.io.download import RemoteFile, download
from napari_scsam.paths import user_folder, weights_folder
from napari_scsam.steps import Steps


@dataclass(frozen=True)
class Download:
    """Published SAM weights."""

    name: str
    about: str
    encoder: str
    """Name of their image encoder in recipes, e.g. ``"vit_b"``."""
    licence: str
    source: str
    """Who publishes them, and where size and hash are stated."""
    file: RemoteFile

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Download:
        """Read one entry of ``registry.json``."""
        return cls(
            data["name"],
            data["about"],
            data["encoder"],
            data["licence"],
            data["source"],
            RemoteFile.from_dict(data["file"]),
        )


def list_downloads() -> tuple[Download, ...]:
    """List the weights that `download_weights` can download."""
    entries = json.loads((weights_folder() / "registry.json").read_text(encoding="utf-8"))
    return tuple(Download.from_dict(entry) for entry in entries)


def download_weights(name: str) -> Steps[Path]:
    """Download published weights into the user's folder, checked and resumable.

    Raises
    ------
    UserError
        When the name is unknown, or the download fails.
    """
    return (yield from download(find_download(name).file, user_folder()))


def find_download(name: str) -> Download:
    """Return the entry of a name.

    Raises
    ------
    UserError
        When the name is unknown; the message lists the known ones.
    """
    known = {d.name: d for d in list_downloads()}
    if name not in known:
        raise UserError(f"no weights are called {name!r}; choose from {', '.join(known)}")
    return known[name]
