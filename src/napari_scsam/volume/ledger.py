"""Which slices are done, on disk, so that a stopped run goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_scsam.atomic import replacing

LEDGER = ".scsam_progress"
"""Its name inside the labels; it is there as long as they are not finished."""


class Ledger:
    """One line a finished slice, behind a first line that names the run.

    Parameters
    ----------
    path
        The text file.
    run
        What must be the same for finished slices to count: checkpoint,
        classes, contrast and the like, as plain JSON values.
    resume
        Take over the lines of an earlier run of the same name; otherwise that run is forgotten.
    """

    def __init__(self, path: Path, run: Mapping[str, Any], resume: bool) -> None:
        self.path = path
        self.header = json.dumps(dict(run), sort_keys=True)
        self.done = self._read() if resume else set()
        if not self.done:
            self.remove()  # before the labels it speaks of are replaced

    def begin(self) -> None:
        """Write what is known so far, in whole lines, ready for more."""
        lines = [self.header, *map(str, sorted(self.done)), ""]
        with replacing(self.path) as draft:
            draft.write_text("\n".join(lines), encoding="utf-8")

    def _read(self) -> set[int]:
        lines = self.path.read_text(encoding="utf-8").split("\n") if self.path.is_file() else []
        if not lines or lines[0] != self.header:
            return set()
        # The text after the last newline is a line that was cut off, and a power cut may leave bytes that are no
        # number: such slices are done again.
        return {int(line) for line in lines[1:-1] if line.isdecimal()}

    def add(self, slice_index: int) -> None:
        """Note that a slice's labels are on disk."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{slice_index}\n")
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Take the ledger away when the whole volume is done."""
        self.path.unlink(missing_ok=True)
