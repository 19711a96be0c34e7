"""Published SAM weights, to answer clicks with or to train from: which there are, and fetching them.

``weights/registry.json`` says for each where it is, its size and hash, its
licence, and where these facts come from.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_scsam.config import UserError
from napari_scsam.io.download import RemoteFile, download
from napari_scsam.paths import user_folder, weights_folder
from napari_scsam.steps import Progress


@dataclass(frozen=True)
class Download:
    """Published SAM weights."""

    name: str
    about: str
    encoder: str
    """What a recipe calls their image encoder, e.g. ``"vit_b"``."""
    licence: str
    source: str
    """Who publishes them, and where size and hash stand."""
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
    """List the weights that `download_weights` can fetch."""
    entries = json.loads((weights_folder() / "registry.json").read_text(encoding="utf-8"))
    return tuple(Download.from_dict(entry) for entry in entries)


def download_weights(name: str) -> Generator[Progress, None, Path]:
    """Fetch published weights into the user's folder, checked and resumable; returns where they are.

    Raises
    ------
    UserError
        When nothing is called so, or it cannot be fetched whole.
    """
    return (yield from download(find_download(name).file, user_folder()))


def find_download(name: str) -> Download:
    """Return the entry of a name.

    Raises
    ------
    UserError
        When nothing is called so; the message lists those there are.
    """
    known = {d.name: d for d in list_downloads()}
    if name not in known:
        raise UserError(f"no weights are called {name!r}; choose from {', '.join(known)}")
    return known[name]
