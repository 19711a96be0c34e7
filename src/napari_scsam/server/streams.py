"""What comes in many messages: files that a client downloads, and what trainings say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.remote.answered import Done, FilePart, Trained
from napari_scsam.remote.arrays import pack_plain
from napari_scsam.remote.asked import FetchCheckpoint, FineTune
from napari_scsam.remote.parts import Message
from napari_scsam.server.engine import ServerEngine, failure
from napari_scsam.server.outbox import Outbox
from napari_scsam.server.session import ClientSession
from napari_scsam.server.training import ServedTraining
from napari_scsam.server.work_queue import QueuedWork

TRAINING_LOOK = 0.2
"""Seconds between two looks at whether a training has ended."""

PART_BYTES = 2**20
"""Of a file, in one message."""


class Recipient(Protocol):
    """What streams need of a client."""

    engine: ServerEngine
    outbox: Outbox
    open: dict[int, QueuedWork | None]
    """Requests that are not answered yet."""

    def post(self, message: Message) -> None:
        """Queue a message from any thread."""

    def put(self, message: Message) -> None:
        """Queue a message."""

    def close_request(self, number: int) -> bool:
        """Take a request out; whether it was still open."""


class Streams:
    """Sends files and the messages of trainings to one client.

    Parameters
    ----------
    client
        With its outbox and its open requests.
    """

    def __init__(self, client: Recipient) -> None:
        self.client = client

    async def fetch(self, session: ClientSession, request: FetchCheckpoint) -> None:
        """Send a checkpoint of the session."""
        path = session.tuned.get(request.name)
        if path is None or not path.is_file():
            error = UserError("there is no such checkpoint in this session; train it again")
            self.client.put(failure(request.id, error, session))
            self.client.open.pop(request.id, None)
            return
        await self.send_file(request.id, path)

    async def send_file(self, number: int, path: Path) -> None:
        """Send a file part by part, as fast as the client reads."""
        total = path.stat().st_size
        with path.open("rb") as file:
            while number in self.client.open:
                await self.client.outbox.room()
                offset = file.tell()
                data = await asyncio.to_thread(file.read, PART_BYTES)
                if not data:
                    break
                self.client.put(FilePart(id=number, offset=offset, total=total, data=data))
        if self.client.close_request(number):
            self.client.put(Done(id=number))

    async def train(self, session: ClientSession, request: FineTune) -> None:
        """Train, and send what the training says; without a client it goes on by itself."""
        try:
            training = await asyncio.to_thread(self.client.engine.training, session, request)
        except Exception as error:  # noqa: BLE001  # the client hears of it
            self.client.open.pop(request.id, None)
            self.client.put(failure(request.id, error, session))
            return
        training.listen(partial(self._trained, session, request.id, training))
        try:
            while not training.ended.is_set():  # a thread that waits would be missed elsewhere
                await asyncio.sleep(TRAINING_LOOK)
        finally:
            training.ignore()  # the client may be gone
        self._name_checkpoint(session, training)
        if self.client.close_request(request.id):
            self.client.put(Done(id=request.id))

    def _trained(
        self,
        session: ClientSession,
        number: int,
        training: ServedTraining,
        message: Mapping[str, Any],
        picture: NDArray[Any] | None,
    ) -> None:
        """Pass a message of a training on; runs on the thread that reads it."""
        packed = None if picture is None else pack_plain(np.ascontiguousarray(picture))
        name = self._name_checkpoint(session, training)
        self.client.post(Trained(id=number, message=dict(message), picture=packed, name=name))

    def _name_checkpoint(self, session: ClientSession, training: ServedTraining) -> str:
        """Return the name of what a training offers so far; empty without anything."""
        path = training.checkpoint
        if path is None:
            return ""
        name = f"{training.folder.parent.name}-{path.stem}"
        session.tuned[name] = path
        return name
