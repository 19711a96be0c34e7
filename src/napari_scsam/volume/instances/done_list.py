"""Which blocks are done, on disk, one line each."""

from __future__ import annotations

import os
from pathlib import Path


class DoneList:
    """A text file that grows by a line for each finished task.

    Parameters
    ----------
    path
        The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.done = _read(path)
        """Names of finished tasks."""

    def add(self, name: str) -> None:
        """Record a task whose result is on disk."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")
            file.flush()
            os.fsync(file.fileno())
        self.done.add(name)


def _read(path: Path) -> set[str]:
    """Read finished tasks; a line that was cut off does not count, and is ended."""
    if not path.exists():
        return set()
    *lines, rest = path.read_text(encoding="utf-8", errors="replace").split("\n")
    if rest:
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")
    return set(lines)
