"""How fast a client may send, and how much of all clients may be on its way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable

from napari_scsam.remote.frames import FrameError


class Pacer:
    """Lets a client wait that sends too often: a bucket of tokens.

    Parameters
    ----------
    a_second
        Messages that are always allowed.
    burst
        Messages that are allowed at once.
    """

    def __init__(self, a_second: float, burst: int) -> None:
        self.a_second = a_second
        self.burst = burst
        self._left = float(burst)
        self._then = time.monotonic()

    def delay(self, now: float) -> float:
        """Count a message, and return for how many seconds it has to wait."""
        self._left = min(self.burst, self._left + (now - self._then) * self.a_second) - 1
        self._then = now
        return max(0.0, -self._left / self.a_second)

    async def wait(self) -> None:
        """Count a message, and wait as long as it has to."""
        seconds = self.delay(time.monotonic())
        if seconds:
            await asyncio.sleep(seconds)


class Incoming:
    """Counts the bytes of messages that are not whole yet, of all clients together.

    Parameters
    ----------
    most
        Bytes.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._sizes: dict[Hashable, int] = {}

    def set(self, client: Hashable, size: int) -> None:
        """Note how much of a message a client has sent.

        Raises
        ------
        FrameError
            When it is too much together with what others send.
        """
        self._sizes[client] = size
        if size and sum(self._sizes.values()) > self.most:
            raise FrameError("the server receives too much at once; try again later")

    def remove(self, client: Hashable) -> None:
        """Forget a client."""
        self._sizes.pop(client, None)
