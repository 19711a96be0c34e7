"""Drafts beside their targets: their names and marks, and what killed processes left of them.

Only folders that hold the file `DRAFT_MARK` are ever removed: drafts, and what waits for its removal.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

DRAFT_MARK = ".scsam_draft"
"""File in a folder that may be removed; it holds the name of the machine that wrote it."""
STALE_SECONDS = 3600.0
"""Age at which the draft of a file counts as abandoned, if no process has its number."""


def draft_path(path: Path) -> Path:
    """Return where this process writes the draft of `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing."""
    return next(folder.iterdir(), None) is None


def mark_draft(folder: Path) -> None:
    """Write the mark into a folder: it may be removed."""
    (folder / DRAFT_MARK).write_text(socket.gethostname(), encoding="utf-8")


def unmark_draft(folder: Path) -> None:
    """Remove the mark from a folder, which is kept from now on."""
    (folder / DRAFT_MARK).unlink(missing_ok=True)


def is_marked(folder: Path) -> bool:
    """Whether a folder may be removed."""
    return (folder / DRAFT_MARK).is_file()


def remove_marked(folder: Path) -> None:
    """Remove a folder if it is marked; the mark goes last, so that a killed removal continues."""
    if not is_marked(folder):
        return
    for child in folder.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        elif child.name != DRAFT_MARK:
            child.unlink(missing_ok=True)
    unmark_draft(folder)
    folder.rmdir()


def try_to_remove_marked(folder: Path) -> None:
    """Remove a marked folder if possible; what is left is removed by the next call."""
    for _ in range(2):  # something in it may vanish meanwhile, such as a lock that is released
        with suppress(OSError):
            remove_marked(folder)
            return


@dataclass(frozen=True)
class Leftover:
    """A draft, or an old folder, in the folder of its target."""

    path: Path
    pid: int
    old: bool

    def abandoned(self, own: bool) -> bool:
        """Whether no process of this machine works on it; `own`: nor does this process."""
        if self.pid == os.getpid():
            return own
        return not _is_running(self.pid)

    def of_this_machine(self) -> bool:
        """Whether the mark was written here; process numbers of another machine mean nothing."""
        try:
            return (self.path / DRAFT_MARK).read_text(encoding="utf-8") == socket.gethostname()
        except OSError:
            return False


def leftovers_of(path: Path) -> list[Leftover]:
    """Return the drafts and old folders of `path` in its folder, of all processes."""
    pattern = re.compile(re.escape(f".{path.name}.") + r"(\d+)\.(part|old)")
    found = []
    for child in path.parent.iterdir():
        match = pattern.fullmatch(child.name)
        if match:
            found.append(Leftover(child, int(match[1]), match[2] == "old"))
    return found


def remove_stale_drafts(path: Path) -> None:
    """Remove drafts of a file that killed processes left."""
    with suppress(OSError):
        for leftover in leftovers_of(path):
            draft = leftover.path
            if leftover.abandoned(own=False) and draft.is_file() and _age(draft) > STALE_SECONDS:
                draft.unlink(missing_ok=True)


def _age(path: Path) -> float:
    """Return the seconds since a file was last written."""
    return time.time() - path.stat().st_mtime


def _is_running(pid: int) -> bool:
    """Whether this machine has a process of that number."""
    if sys.platform == "win32":
        limited = 0x1000
        handle = ctypes.windll.kernel32.OpenProcess(limited, False, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    return True
