"""Keeps a project for one window: a lock, and a mark that the folder is the one that was opened.

The system releases the lock when the process dies. The mark is a random word in a file of the
folder, written when the project is opened. It is compared before each write. It is missing in a
renamed folder, on a lost network drive, and in another project at the same path.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from filelock import FileLock, Timeout

from napari_scsam.atomic import replacing
from napari_scsam.config import UserError
from napari_scsam.io.saved.anchored_store import MissingStoreError

MARK_FILE = "labels/.open"
"""File in the folder of a project that holds the mark."""
LOCK_FILE = "labels/.lock"
"""File in it that is locked while it is open."""


class Holder:
    """Holds a project folder that is open to be changed.

    Parameters
    ----------
    path
        The folder.

    Raises
    ------
    UserError
        When it is open elsewhere.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = _lock(path)
        self._mark = secrets.token_hex(16)
        self._number = 0
        try:
            with replacing(path / MARK_FILE) as draft:
                draft.write_text(self._mark, encoding="ascii")
        except OSError:  # a disk that is read-only: the folder itself must do
            self._mark = ""
            self._number = path.stat().st_ino

    def check(self) -> None:
        """Check that the folder is there, and is the one that was opened.

        Raises
        ------
        MissingStoreError
            When it is not.
        """
        if self.is_at(self.path):
            return
        if self.path.exists():
            raise MissingStoreError(
                f"the folder {self.path} is not the one that was opened; "
                "put that back, or open it where it is now"
            )
        raise MissingStoreError(
            f"the folder {self.path} is gone; put it back, or open it where it is now"
        )

    def is_at(self, path: Path) -> bool:
        """Whether the folder that was opened is at a path."""
        try:
            if not self._mark:
                return path.stat().st_ino == self._number
            return (path / MARK_FILE).read_text(encoding="ascii") == self._mark
        except (OSError, ValueError):
            return False

    def release(self) -> None:
        """Release the project, so that others can open it."""
        self._lock.release()


def _lock(path: Path) -> FileLock:
    # Acquired on a worker thread, released on the main one.
    lock = FileLock(path / LOCK_FILE, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"'{path.name}' is open in another window; close it there first") from error
    except (NotImplementedError, OSError):
        pass  # a disk without locks, or one that is read-only
    return lock
