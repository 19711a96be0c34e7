"""Running a server until it is stopped."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from napari_scsam.config import UserError
from napari_scsam.remote.address import TOKEN_VARIABLE, is_loopback
from napari_scsam.remote.frames import FRAME_BYTES
from napari_scsam.server.app import make_app
from napari_scsam.server.settings import ServerSettings

PORT = 8765

LEAST_TOKEN = 16
"""Letters of a token that a user chooses."""

WAITING = 64
"""Connections that the system holds until they are accepted."""


@dataclass(frozen=True)
class Listening:
    """Where a server listens, and how its line is protected."""

    host: str = "127.0.0.1"
    port: int = PORT
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False
    """Whether a reverse proxy encrypts the line."""

    def check(self) -> None:
        """Raise a `UserError` if passwords and images would be sent in the open."""
        if (self.certificate is None) != (self.key is None):
            raise UserError("a certificate and its key belong together; give both")
        if is_loopback(self.host) or self.certificate is not None or self.behind_proxy:
            return
        raise UserError(
            f"{self.host} can be reached from other computers, and the line is not encrypted; "
            "add --tls-cert and --tls-key, or --behind-proxy, or use an SSH tunnel"
        )

    @property
    def scheme(self) -> str:
        """``ws``, or ``wss`` for a line that is encrypted."""
        return "ws" if self.certificate is None else "wss"


def choose_token(file: Path | None) -> tuple[str, bool]:
    """Return the token of a server, and whether it was made just now.

    The environment wins over a file; a file that does not exist is written.

    Raises
    ------
    UserError
        When the token is too short, or the file can be read by others.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token and file is not None and file.is_file():
        if os.name == "posix" and file.stat().st_mode & 0o077:
            raise UserError(f"{file} can be read by others; run: chmod 600 {file}")
        token = file.read_text(encoding="utf-8").strip()
    if token:
        if len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable():
            raise UserError(f"a token has at least {LEAST_TOKEN} plain letters; choose another one")
        return token, False
    token = secrets.token_urlsafe(32)
    if file is not None:
        write_token(file, token)
    return token, True


def write_token(file: Path, token: str) -> None:
    """Write a token into a new file that only its owner can read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(f"{token}\n")


def open_socket(listening: Listening) -> socket.socket:
    """Return a socket that listens.

    Raises
    ------
    UserError
        When the port is taken, or the host is not of this computer.
    """
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((listening.host, listening.port))
        sock.listen(WAITING)
    except (OSError, OverflowError) as error:
        sock.close()
        why = getattr(error, "strerror", "ports are numbers up to 65535")
        raise UserError(
            f"port {listening.port} of {listening.host} cannot be used ({why}); "
            "choose another one with --port"
        ) from error
    return sock


def run(settings: ServerSettings, listening: Listening, sock: socket.socket) -> None:
    """Serve until the process is told to stop."""
    uvicorn_log = logging.getLogger("uvicorn.error")
    uvicorn_log.setLevel(logging.WARNING)
    uvicorn_log.addFilter(_is_no_denial)
    uvicorn.Server(make_config(make_app(settings), listening)).run(sockets=[sock])


def _is_no_denial(record: logging.LogRecord) -> bool:
    """Whether a line of the log is not about a client that was refused, as uvicorn sees it."""
    return "without completing handshake" not in record.getMessage()


def make_config(app: Starlette, listening: Listening) -> uvicorn.Config:
    """Return how uvicorn serves an application."""
    return uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_max_size=FRAME_BYTES + 1,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        ssl_certfile=listening.certificate,
        ssl_keyfile=listening.key,
        access_log=False,
        server_header=False,
        date_header=False,
        lifespan="on",
        log_config=None,
        timeout_graceful_shutdown=3,
    )
