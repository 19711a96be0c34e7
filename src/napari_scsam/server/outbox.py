"""What waits to be sent to one client."""

from __future__ import annotations

import asyncio
from collections import deque

from napari_scsam.remote.answered import Progressed
from napari_scsam.remote.parts import Message
from napari_scsam.remote.protocol import encode

ROOM = 2**21
"""Bytes that wait while a file is sent."""


class SlowReaderError(Exception):
    """A client reads too slowly for what it asks for."""


class Outbox:
    """Messages in order; of one request, only the newest progress waits.

    Parameters
    ----------
    most
        Bytes that may wait.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._waiting: deque[bytes | int] = deque()
        self._progress: dict[int, Progressed] = {}
        self._size = 0
        self._filled = asyncio.Event()
        self._taken = asyncio.Event()

    def put(self, message: Message) -> None:
        """Add a message; to be called in the event loop.

        Raises
        ------
        SlowReaderError
            When too much waits.
        """
        if isinstance(message, Progressed):
            if message.id not in self._progress:
                self._waiting.append(message.id)
            self._progress[message.id] = message
        else:
            data = encode(message)
            self._size += len(data)
            self._waiting.append(data)
        self._filled.set()
        if self._size > self.most:
            raise SlowReaderError

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    async def room(self) -> None:
        """Wait until little waits, before more of a file is added."""
        while self._size > ROOM:
            self._taken.clear()
            await self._taken.wait()

    async def get(self) -> bytes:
        """Return the next message, when there is one."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        first = self._waiting.popleft()
        if isinstance(first, int):
            return encode(self._progress.pop(first))
        self._size -= len(first)
        self._taken.set()
        return first
