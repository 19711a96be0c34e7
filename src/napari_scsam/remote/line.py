"""The state of the line to a server, and the errors of one that fails."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from napari_scsam.errors import UserError


class Line(StrEnum):
    """How far the line to a server is."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    LOST = "lost"
    """It was cut; the connection tries again by itself."""
    REFUSED = "refused"
    """The server does not want this client; nothing is tried again."""
    CLOSED = "closed"


@dataclass(frozen=True)
class LineState:
    """What is known of the line to a server."""

    line: Line
    sentence: str = ""
    """For the user."""
    device: str = ""
    """What the server computes on."""
    server: str = ""
    """Name and version of its program."""


class LineLostError(Exception):
    """The line was cut before an answer came."""


class NeedPixelsError(Exception):
    """The server asks for pixels of slices, by their hashes."""

    def __init__(self, hashes: tuple[str, ...]) -> None:
        super().__init__(", ".join(hashes))
        self.hashes = hashes


class NeedFilesError(Exception):
    """The server asks for files, by their SHA-256."""

    def __init__(self, hashes: tuple[str, ...]) -> None:
        super().__init__(", ".join(hashes))
        self.hashes = hashes


class StateLostError(Exception):
    """A request refers to something that the session does not have any more."""


class ServerFaultError(UserError):
    """A fault of the server, whose log has more."""
