"""End a process, or fail it, at any of its operations on files.

Python announces every operation on files to audit hooks before it is done. A child process counts
those that change something below a folder, and stops at one of them.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate")
"""Events of operations that change files; opening to write is another."""
EXCHANGE = "ctypes.dlsym"
"""Event of `renameat2`, which exchanges two folders."""
ENDED = 9
"""Exit status of a process that was stopped."""
FAILED = 1


class Steps:
    """Counts operations on files, and stops at one of them.

    Parameters
    ----------
    folder
        Operations below it count.
    stop
        The number of the operation at which to stop, from 1; 0 never stops.
    how
        ``"kill"`` ends the process there. ``"fail"`` lets this operation fail, and
        ``"stay full"`` this one and each that follows.
    """

    def __init__(self, folder: Path, stop: int = 0, how: str = "kill") -> None:
        self.folder = os.fspath(folder)
        self.count = 0
        self.stop = stop
        self.how = how

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take an event; see `sys.addaudithook`."""
        if not self._changes(event, arguments):
            return
        self.count += 1
        if not self.stop or self.count < self.stop:
            return
        if self.how == "kill":
            os._exit(ENDED)
        if self.count == self.stop or self.how == "stay full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0]))

    def _changes(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == EXCHANGE:
            return arguments[1] == "renameat2"
        if event == "open":
            path, _mode, flags = arguments
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            return bool(writes) and self._is_inside(path)
        return event in CHANGES and self._is_inside(arguments[0])

    def _is_inside(self, path: Any) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(
            self.folder
        )


def play(
    work: Callable[[], object], folder: Path, stop: int = 0, how: str = "kill"
) -> tuple[int, int]:
    """Do some work in a child process that is stopped at an operation on files.

    Returns
    -------
    tuple
        The exit status (0 done, `ENDED`, or `FAILED` when the work raised an error), and the
        number of operations.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        steps = Steps(folder, stop, how)
        sys.addaudithook(steps)
        status = 0
        try:
            work()
        except Exception:  # noqa: BLE001
            status = FAILED
            if os.environ.get("SHOW_ERRORS"):
                traceback.print_exc()
        os.write(writing, str(steps.count).encode())
        os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), int(told or stop)


def halve_drafts(folder: Path) -> None:
    """Cut files that were being written in half, as a power cut may leave them."""
    for draft in (*folder.rglob("*.part"), *folder.rglob("*.partial")):
        if draft.is_file():
            os.truncate(draft, draft.stat().st_size // 2)
