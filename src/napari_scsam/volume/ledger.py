"""Which slices are done, on disk, so that a stopped run can be resumed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_scsam.atomic import replacing
from napari_scsam.config import update_run_settings

LEDGER = ".scsam_progress"
"""Its name inside the labels; it exists until they are finished."""


class Ledger:
    """A text file with one line for each finished slice, below a line that names the run.

    Parameters
    ----------
    path
        The text file.
    run
        What must be the same for finished slices to count: checkpoint, classes, contrast and the
        like, as plain JSON values.
    resume
        Keep the lines of an earlier run of the same name; otherwise that run is forgotten.
    """

    def __init__(self, path: Path, run: Mapping[str, Any], resume: bool) -> None:
        self.path = path
        self.header = json.dumps(update_run_settings(run), sort_keys=True)
        self.done: set[int] = set()
        if resume:
            self.done = self._read()
        if not self.done:
            self.remove()  # before the labels that it describes are replaced

    def begin(self) -> None:
        """Write what is known so far, in whole lines, ready for more."""
        lines = [self.header, *map(str, sorted(self.done)), ""]
        with replacing(self.path) as draft:
            draft.write_text("\n".join(lines), encoding="utf-8")

    def _read(self) -> set[int]:
        if not self.path.is_file():
            return set()
        header, *lines = self.path.read_text(encoding="utf-8").split("\n")
        if not self._is_same_run(header) or not lines:
            return set()
        # The text after the last newline was cut off by a crash, and a power cut may leave bytes
        # that are not a number. Such slices are done again.
        whole = lines[:-1]
        return {int(line) for line in whole if line.isdecimal()}

    def _is_same_run(self, header: str) -> bool:
        try:
            earlier = json.loads(header)
        except ValueError:
            return False
        if not isinstance(earlier, dict):
            return False
        return json.dumps(update_run_settings(earlier), sort_keys=True) == self.header

    def add(self, slice_index: int) -> None:
        """Record that a slice's labels are on disk."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{slice_index}\n")
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Remove the file when the whole volume is done."""
        self.path.unlink(missing_ok=True)
