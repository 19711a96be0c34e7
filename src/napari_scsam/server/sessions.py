"""All sessions of a server: who comes back, who has left, and how much memory they take."""

from __future__ import annotations

import hmac
import logging
import secrets
import threading
import time
from collections.abc import Iterator

from napari_scsam.server.session import ClientSession
from napari_scsam.server.settings import Limits

log = logging.getLogger(__name__)


class TooManyClientsError(Exception):
    """There is no room for another session."""


class Sessions:
    """Begins, resumes and drops sessions; thread safe.

    Parameters
    ----------
    limits
        Of the server.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._all: list[ClientSession] = []
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[ClientSession]:
        with self._lock:
            return iter(tuple(self._all))

    def __len__(self) -> int:
        return len(self._all)

    def begin(self, key: str) -> tuple[ClientSession, bool]:
        """Return the session of a key, or a new one; the key changes.

        Returns
        -------
        session
            Of the client.
        resumed
            Whether it is an earlier one.

        Raises
        ------
        TooManyClientsError
            When there are too many sessions.
        """
        self.drop_idle()
        with self._lock:
            earlier = self._find_left(key)
            if earlier is not None:
                earlier.key = secrets.token_urlsafe(32)
                earlier.left = None
                return earlier, True
            if len(self._all) >= self.limits.sessions:
                self._drop_longest_gone()
            session = ClientSession(self.limits.file_bytes)
            self._all.append(session)
            return session, False

    def _find_left(self, key: str) -> ClientSession | None:
        """Return the session of a key; one that is connected is not taken over."""
        for session in self._all:
            if session.left is not None and hmac.compare_digest(session.key, key):
                return session
        return None

    def _drop_longest_gone(self) -> None:
        gone = [each for each in self._all if each.left is not None]
        if not gone:
            raise TooManyClientsError
        first = min(gone, key=lambda each: each.left or 0.0)
        self._all.remove(first)
        first.close()

    def leave(self, session: ClientSession) -> None:
        """Note that the connection of a session has ended."""
        session.left = time.monotonic()

    def drop_idle(self) -> None:
        """Drop the sessions whose clients have not come back."""
        now = time.monotonic()
        with self._lock:
            for session in tuple(self._all):
                if session.left is not None and now - session.left > self.limits.idle_seconds:
                    log.info("session %s has ended", session.name)
                    self._all.remove(session)
                    session.close()

    def close(self) -> None:
        """Drop all sessions."""
        with self._lock:
            for session in self._all:
                session.close()
            self._all.clear()

    def trim(self, present: ClientSession) -> None:
        """Drop what can be sent or computed again until all sessions fit into the limit.

        Those that were used longest ago lose theirs first, and the present one only then.
        """
        others = sorted((each for each in self if each is not present), key=lambda each: each.used)
        total = sum(each.nbytes() for each in (*others, present))
        for session in others:
            if total <= self.limits.memory_bytes:
                return
            total -= session.forget()
            log.info("memory is short; slices of session %s were dropped", session.name)
        while total > self.limits.memory_bytes:
            dropped = present.drop_oldest_pixels()
            if not dropped:
                return
            total -= dropped

    def free(self, present: ClientSession) -> int:
        """Drop what all other sessions can send or compute again; return its bytes."""
        freed = sum(each.forget() for each in self if each is not present)
        if freed:
            log.warning("memory ran out; slices of other sessions were dropped")
        return freed
