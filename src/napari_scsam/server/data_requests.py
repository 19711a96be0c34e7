"""Requests about data of the server, which is read on threads that may wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from napari_scsam.remote.asked import HashSlice, LabelSlice, OpenVolume, Request
from napari_scsam.remote.parts import Message
from napari_scsam.server.engine import made_or_failed
from napari_scsam.server.session import ClientSession
from napari_scsam.server.streams import Recipient


class Submitting(Recipient, Protocol):
    """What these requests need of a client."""

    loop: asyncio.AbstractEventLoop

    def submit(self, session: ClientSession, request: Request) -> None:
        """Queue work for the device."""


class DataRequests:
    """Answers requests of one client about data of the server.

    Parameters
    ----------
    client
        With its outbox and its open requests.
    """

    def __init__(self, client: Submitting) -> None:
        self.client = client
        self._turn = asyncio.Lock()
        """One at a time, so that one client does not take all threads that read."""

    async def answer(self, session: ClientSession, request: OpenVolume | HashSlice) -> None:
        """Open a volume, or hash a slice of one."""
        make: Callable[[], Message]
        if isinstance(request, OpenVolume):
            make = partial(session.volumes.open, request, self.client.engine.settings.data)
        else:
            make = partial(session.volumes.hash_slice, request)
        readers = self.client.engine.readers
        made = partial(made_or_failed, make, request.id, session)
        async with self._turn:
            message = await self.client.loop.run_in_executor(readers, made)
        if self.client.close_request(request.id) and isinstance(message, Message):
            self.client.put(message)

    async def label(self, session: ClientSession, request: LabelSlice) -> None:
        """Read a slice, and queue it for the device."""
        ahead = partial(session.volumes.read_ahead, request)
        with suppress(Exception):  # labelling finds out, and says what is wrong
            async with self._turn:
                await self.client.loop.run_in_executor(self.client.engine.readers, ahead)
        if request.id in self.client.open:
            self.client.submit(session, request)
