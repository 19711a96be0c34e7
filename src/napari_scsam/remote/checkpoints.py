"""The checkpoints of a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_scsam.atomic import replacing
from napari_scsam.checkpoints.card import CheckpointInfo
from napari_scsam.remote.asked import FetchCheckpoint, ListCheckpoints, Request
from napari_scsam.remote.session import RemoteSession
from napari_scsam.steps import Steps


def list_steps(session: RemoteSession) -> Steps[tuple[CheckpointInfo, ...]]:
    """Return the checkpoints that a server offers; their paths are names, and no files here."""
    found = yield from session.ask_steps(lambda: ListCheckpoints(id=0))
    return tuple(map(_info, found.checkpoints))


def _info(card: Any) -> CheckpointInfo:
    return CheckpointInfo(
        name=card.name,
        path=Path(card.name),
        classes=tuple(spec.spec() for spec in card.classes),
        nm_per_pixel=card.nm_per_pixel,
        bytes=card.bytes,
        licence=card.licence,
        summary=card.summary,
        config=card.config,
        training=card.training,
    )


def fetch_steps(session: RemoteSession, name: str, path: Path) -> Steps[Path]:
    """Download a checkpoint that was tuned in this session; the file is whole, or not there."""
    return (yield from fetch_file_steps(session, FetchCheckpoint(id=0, name=name), path))


def fetch_file_steps(session: RemoteSession, request: Request, path: Path) -> Steps[Path]:
    """Write the parts of a file that answer a request; the file is whole, or not there."""
    with replacing(path) as draft, draft.open("wb") as file:

        def write(part: Any) -> None:
            if part.offset == 0:  # it is sent again after a cut, and may be shorter now
                file.truncate(0)
            file.seek(part.offset)
            file.write(part.data)

        yield from session.ask_steps(lambda: request, take=write)
    return path
