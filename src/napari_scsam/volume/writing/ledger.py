"""Which slices are done, on disk, so that a stopped run can be resumed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.atomic import replacing, sync
from napari_scsam.config import UserError, update_run_settings

LEDGER = ".scsam_progress"
"""Its name; it exists until the labels are finished."""

DIFFERENCES = {
    "image": "another image",
    "shape": "another image",
    "voxel_size": "another voxel size",
    "origin": "another position of the image",
    "contrast": "another contrast of the image",
    "classes": "other classes",
    "config": "another checkpoint",
    "weights": "another checkpoint",
    "views": "another choice of --careful or --coarse",
    "slices": "another choice of slices",
    "region": "another region",
    "average_z": "another choice of --average-z",
    "probabilities": "another choice of --probabilities",
    "mask": "another mask",
    "axes": "another choice of --axes",
}
"""What it means when a setting of two runs differs; the first that differs is the reason."""


@dataclass(frozen=True)
class FinishedSlice:
    """A line of the ledger."""

    z: int
    pixels: str = ""
    """`pixels_hash` of the image's slice; empty in ledgers of version 0.1."""
    chunks: tuple[str, ...] | None = None
    """Names of the files that hold its labels; a slice without labels has none. None in ledgers of
    version 0.1, which do not say."""

    def line(self) -> str:
        """Return it as text."""
        if self.chunks is None:
            return f"{self.z}\n"
        return f"{self.z} {self.pixels} {','.join(self.chunks) or '-'}\n"

    @classmethod
    def from_line(cls, line: str) -> FinishedSlice | None:
        """Read what `line` wrote; None for anything else, as a power cut may leave it."""
        z, *more = line.split(" ")
        if not (z.isascii() and z.isdecimal()):
            return None
        if not more:
            return cls(int(z))
        if len(more) != 2:
            return None
        pixels, chunks = more
        return cls(int(z), pixels, () if chunks == "-" else tuple(chunks.split(",")))


class Ledger:
    """A text file with one line for each finished slice, below a line that names the run.

    Parameters
    ----------
    path
        The text file.
    run
        What must be the same for finished slices to count: image, checkpoint, classes, contrast
        and the like, as plain JSON values.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        self.path = path
        self.run = as_stored(run)
        self.done: dict[int, FinishedSlice] = {}

    def read(self) -> None:
        """Read the slices that an earlier run finished.

        Raises
        ------
        UserError
            When the ledger is of another run; the sentence says what differs.
        """
        header, *lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n")
        earlier = parse_run(header)
        if earlier is None:
            return  # it was cut off before the first slice was done
        check_same_run(earlier, self.run, self.path.parent)
        # The text after the last newline was cut off by a crash. Such a slice is done again.
        found = map(FinishedSlice.from_line, lines[:-1])
        self.done = {slice_.z: slice_ for slice_ in found if slice_ is not None}

    def begin(self) -> None:
        """Write what is known so far, in whole lines, ready for more."""
        for draft in self.path.parent.glob(f".{self.path.name}.*.part"):
            draft.unlink(missing_ok=True)  # of a run that was killed here
        lines = [self.done[z].line() for z in sorted(self.done)]
        header = json.dumps(self.run, sort_keys=True)
        with replacing(self.path) as draft:
            draft.write_text("".join([header, "\n", *lines]), encoding="utf-8")

    def add(self, slice_: FinishedSlice) -> None:
        """Record that the labels of a slice are on disk; they must be there already."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(slice_.line())
            file.flush()
            os.fsync(file.fileno())
        self.done[slice_.z] = slice_

    def forget(self, slices: Sequence[int]) -> None:
        """Remove slices that turned out not to be whole."""
        for z in slices:
            del self.done[z]

    def remove(self) -> None:
        """Remove the file when the whole volume is done."""
        self.path.unlink(missing_ok=True)
        sync(self.path.parent)


def as_stored(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they are read back from JSON, in today's form."""
    stored: dict[str, Any] = json.loads(json.dumps(update_run_settings(run)))
    return stored


def parse_run(header: str) -> dict[str, Any] | None:
    """Read the settings in the first line of a ledger; None when they cannot be read."""
    try:
        run = json.loads(header)
    except (ValueError, RecursionError):
        return None
    if not isinstance(run, dict):
        return None
    return as_stored(run)


def check_same_run(earlier: Mapping[str, Any], run: Mapping[str, Any], place: Path) -> None:
    """Check that two runs may share their slices.

    Parameters
    ----------
    earlier, run
        Settings of the two, as `as_stored` returns them.
    place
        Where the labels are, for the message.

    Raises
    ------
    UserError
        When they may not; it says what differs.
    """
    for name in [*DIFFERENCES, *sorted({*earlier, *run} - DIFFERENCES.keys())]:
        if name == "image" and name not in earlier:
            continue  # ledgers of version 0.1 lack it; they have the contrast
        if earlier.get(name) != run.get(name):
            why = DIFFERENCES.get(name, f"another {name}")
            raise UserError(
                f"the run in {place} was begun with {why}; "
                "repeat its command with --resume, or start again with --overwrite"
            )


def pixels_hash(plane: NDArray[Any]) -> str:
    """Return a hash of the pixels of a slice (Y, X)."""
    return hashlib.blake2b(np.ascontiguousarray(plane).data, digest_size=8).hexdigest()
