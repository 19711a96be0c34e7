"""What a server is started with, and what it allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from napari_scsam.server.data_places import DataPlaces


@dataclass(frozen=True)
class Limits:
    """How much one client, and all of them together, may ask for."""

    connections: int = 32
    sessions: int = 64
    """Clients that are connected, and those that may come back."""
    message_bytes: int = 2**28
    """Of one message, compressed."""
    incoming_bytes: int = 2**30
    """Of messages that are not whole yet, of all clients together."""
    outgoing_bytes: int = 2**29
    """Waiting for one client that reads slowly."""
    pixels: int = 2**28
    """Of one slice."""
    memory_bytes: int = 2**33
    """Slices, embeddings and answers of all clients together."""
    embedding_bytes: int = 2**30
    """Of one client."""
    open_requests: int = 64
    """Of one client."""
    messages_a_second: float = 200.0
    burst: int = 400
    hello_seconds: float = 5.0
    silence_seconds: float = 20.0
    """After so long without any message, a connection is closed."""
    send_seconds: float = 20.0
    """After so long without reading, a connection is closed."""
    idle_seconds: float = 600.0
    """After so long without a connection, a session is dropped."""
    models: int = 4
    """Networks in memory; the least recently used without a session are dropped."""
    file_bytes: int = 2**31
    """Of the checkpoints that one client sends, on disk."""
    all_file_bytes: int = 2**35
    """Of those that all clients send."""
    training_bytes: int = 2**33
    """Of the slices of one training, on disk."""


@dataclass(frozen=True)
class ServerSettings:
    """What a server is started with."""

    token: str = field(repr=False)
    device: str = "auto"
    checkpoints: Path | None = None
    """A folder whose checkpoints are offered beside those of this computer."""
    data: DataPlaces = field(default_factory=DataPlaces)
    """What clients may have it open."""
    limits: Limits = field(default_factory=Limits)
