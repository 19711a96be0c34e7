"""The record of an open project: in memory, and on disk as soon as it can be written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from napari_scsam.config import UserError
from napari_scsam.project.record import ProjectRecord, write_record

RETRY = 2.0
"""Seconds after which a failed write is tried again."""


class RecordKeeper:
    """Writes each change of a record, and remembers what could not be written.

    Parameters
    ----------
    path
        The folder of the project.
    record
        As it is on disk.
    check
        Raises an error when the folder is not the one that was opened.
    """

    def __init__(self, path: Path, record: ProjectRecord, check: Callable[[], None]) -> None:
        self.record = record
        self.trouble: Exception | None = None
        """Why the last write failed; None while all is well."""
        self._path = path
        self._check = check
        self._written: ProjectRecord | None = record
        """What is on disk; None when that is not known."""
        self._lock = threading.RLock()
        self._retry: threading.Timer | None = None

    @property
    def unsaved(self) -> bool:
        """Whether the record has changes that are not on disk."""
        return self.record is not self._written

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change the record, and try to write it."""
        with self._lock:
            before = self.record
            changed = before.model_copy(update=dict(changes))
            if changed != before:
                self.record = changed
            try:
                self._try_to_write()
            except BaseException:  # what JSON cannot hold is not part of the record
                self.record = before
                raise

    def move_to(self, path: Path, **changes: Any) -> None:
        """Continue in another folder, where the record is written as it is now."""
        with self._lock:
            self._path = path
            self._written = None
            self.record = self.record.model_copy(update=changes)
            self._try_to_write()

    def flush(self) -> None:
        """Write what is not on disk yet.

        Raises
        ------
        OSError
            When it cannot be written.
        """
        with self._lock:
            self._try_to_write()
            if self.trouble is not None:
                raise self.trouble

    def _try_to_write(self) -> None:
        if not self.unsaved:
            self.trouble = None
            return
        record = self.record
        try:
            self._check()
            write_record(self._path, record)
            self._check()
        except (OSError, UserError) as error:
            self.trouble = error
            self._try_later()
            return
        self._written = record
        self.trouble = None

    def _try_later(self) -> None:
        if self._retry is not None and self._retry.is_alive():
            return
        self._retry = threading.Timer(RETRY, self._write_again)
        self._retry.daemon = True
        self._retry.start()

    def _write_again(self) -> None:
        with self._lock:
            self._retry = None
            self._try_to_write()
