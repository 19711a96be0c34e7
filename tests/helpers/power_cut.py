"""What a power cut would take: files that are not on disk when a command relies on them.

A child process notes each ``fsync``. At each moment at which something is said to be done, no file
and no folder it relies on may have changed since. These are the moments:

- a draft takes the place of its target;
- a line of a record, such as a ledger, is on disk;
- a record of a stopped run is removed, because its result is there.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

WORK = (".instances", ".work")
"""Ends of the names of folders that a run removes at its end."""

DRAFTS = (".*.part", ".*.run")
"""Patterns of the names of what is to take a place."""

Key = tuple[int, int]
"""Device and number of a file, which stay when it is renamed."""


class Watch:
    """Compares what was waited for with what has changed, at each moment that counts.

    Parameters
    ----------
    folder
        What is in it counts.
    records
        Patterns of the names of records: files of which a line, or the absence, says that data are
        there.
    passing
        Patterns of names that nothing relies on, with all that is in them.
    """

    def __init__(self, folder: Path, records: tuple[str, ...], passing: tuple[str, ...]) -> None:
        self.folder = folder
        self.records = records
        self.passing = passing
        self.synced: dict[Key, int] = {}
        self.moments = 0
        self.lost: list[str] = []
        self._busy = False
        self._fsync = os.fsync
        vars(os)["fsync"] = self.fsync

    def fsync(self, number: Any) -> None:
        """Wait, and note for what."""
        self._fsync(number)
        status = os.fstat(number)
        self.synced[(status.st_dev, status.st_ino)] = status.st_mtime_ns
        path = Path(f"/proc/self/fd/{number}").readlink()
        in_draft = any(fnmatch(part, ".*.part") for part in path.parts)
        if self.is_record(path) and not in_draft:  # a draft is waited for as a whole
            self.check(f"a line of {path.name}", self.folder)

    def is_record(self, path: Path) -> bool:
        """Whether a file is a record of what is done."""
        return any(fnmatch(path.name, pattern) for pattern in self.records)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take an event; see `sys.addaudithook`."""
        if self._busy:
            return
        if event == "ctypes.dlsym" and arguments[1] == "renameat2":  # two folders are exchanged
            self._check_drafts()
        if event not in ("os.rename", "os.remove"):
            return
        path = Path(os.fsdecode(arguments[0]))
        if not path.is_relative_to(self.folder):
            return
        if event == "os.remove" and self.is_record(path) and path.exists():
            self.check(f"the removal of {path.name}", self.folder)
        if event == "os.rename" and fnmatch(path.name, ".*.part"):
            self.check(f"the renaming of {path.name}", path)

    def _check_drafts(self) -> None:
        """Check all folders that may be about to take a place."""
        for pattern in DRAFTS:
            for draft in list(self.folder.rglob(pattern)):
                if draft.is_dir():
                    self.check(f"the exchange of {draft.name}", draft)

    def check(self, moment: str, place: Path) -> None:
        """Note what of a place is not on disk."""
        self._busy = True
        self.moments += 1
        left = [str(path.relative_to(self.folder)) for path in changed(place) if self.counts(path)]
        self._busy = False
        if left:
            self.lost.append(f"before {moment}: {sorted(left)[:40]}")

    def counts(self, path: Path) -> bool:
        """Whether a file or folder that is there is not on disk, and something relies on it."""
        parts = path.relative_to(self.folder).parts
        if not parts or path.name.endswith(WORK):  # locks and records in it come and go
            return False
        if self.is_record(path) or any(fnmatch(p, q) for p in parts for q in self.passing):
            return False
        try:
            status = path.stat()
        except OSError:
            return False
        return self.synced.get((status.st_dev, status.st_ino), 0) < status.st_mtime_ns


def changed(place: Path) -> Iterator[Path]:
    """Yield a file, or all that is in a folder, with itself."""
    yield place
    if place.is_dir():
        yield from place.rglob("*")


def watch(
    work: Callable[[], object],
    folder: Path,
    records: tuple[str, ...] = (),
    passing: tuple[str, ...] = (),
) -> tuple[int, list[str]]:
    """Do some work in a child process, and return what a power cut would have taken.

    Returns
    -------
    tuple
        The number of moments that count, and what was not on disk at each.

    Raises
    ------
    RuntimeError
        When the work failed.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        before = {path: path.stat() for path in changed(folder)}
        watching = Watch(folder, records, passing)
        for status in before.values():  # what was there before is on disk
            watching.synced[(status.st_dev, status.st_ino)] = status.st_mtime_ns
        sys.addaudithook(watching)
        try:
            work()
            told: Any = [watching.moments, watching.lost]
        except BaseException as error:  # noqa: BLE001 - the parent raises it
            told = repr(error)
        os.write(writing, json.dumps(told).encode()[:60_000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = json.loads(pipe.read())
    os.waitpid(child, 0)
    if isinstance(told, str):
        raise RuntimeError(told)
    moments, lost = told
    return moments, lost
