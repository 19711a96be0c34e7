"""A project as hypothesis plays with it: painted, reviewed, renamed, copied and closed, with faults.

Beside it are plain arrays and a plain list that must be the same. Between any two acts the folder
may go away and come back, or the disk may take no more. Nothing that was done may be lost.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from napari_scsam import json_files
from napari_scsam.config import ClassSpec
from napari_scsam.io.saved import anchored_store, saved_chunks
from napari_scsam.io.saved.anchored_store import MissingStoreError
from napari_scsam.project import record_keeper
from napari_scsam.project.copy_project import copy_project
from napari_scsam.project.image import copy_image
from napari_scsam.project.project import CLASSES, REVIEWED, Project
from napari_scsam.project.reviewed_classes import classes_of_number, number_of_classes
from napari_scsam.project.start import ImageSource, start_project
from napari_scsam.steps import drive

SHAPE = (3, 12, 14)
TABLE = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "ER"))
SLICES = st.integers(0, SHAPE[0] - 1)
SPANS = st.tuples(st.integers(0, 11), st.integers(1, 12)).map(lambda e: slice(e[0], sum(e)))


class FullDisk:
    """Lets every write of a file fail while it is full."""

    def __init__(self) -> None:
        self.full = False
        self._patches = [
            mock.patch.object(module, "replacing", self._replacing(module.replacing))
            for module in (anchored_store, json_files)
        ]
        for patch in self._patches:
            patch.start()

    def _replacing(self, replacing: Any) -> Any:
        def replace(path: Path) -> Any:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            return replacing(path)

        return replace

    def end(self) -> None:
        """Let writes succeed again, for good."""
        for patch in self._patches:
            patch.stop()


class FaultyProject(RuleBasedStateMachine):
    """A project, and what it must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = FullDisk()
        self.retries = mock.patch.multiple(saved_chunks, RETRY=0.01, DELAY=0.01)
        self.record_retries = mock.patch.object(record_keeper, "RETRY", 0.01)
        self.retries.start()
        self.record_retries.start()
        self.folder = Path(tempfile.mkdtemp())
        image = np.arange(np.prod(SHAPE), dtype=np.uint8).reshape(SHAPE)
        list(copy_image(self.folder / "cell.zarr", image, None, (0.0, 0.0, 0.0)))
        source = ImageSource(image, str(self.folder / "cell.zarr"), None)
        self.path = self.folder / "p0.scsam.zarr"
        self.project = drive(start_project(self.path, source, TABLE))
        self.labels = np.zeros(SHAPE, np.uint8)
        self.reviews: dict[int, tuple[int, ...]] = {}
        self.notes: list[int] = []
        self.away: Path | None = None
        self.number = 0

    @property
    def healthy(self) -> bool:
        """Whether everything can be written."""
        return self.away is None and not self.disk.full

    # What a person does

    @rule(z=SLICES, rows=SPANS, columns=SPANS, value=st.integers(0, 2))
    def paint(self, z: int, rows: slice, columns: slice, value: int) -> None:
        """Paint, also while nothing can be written."""
        self.project.array(CLASSES)[z, rows, columns] = value
        self.labels[z, rows, columns] = value

    @rule(z=SLICES, ids=st.sampled_from([(1,), (2,), (1, 2)]))
    def review(self, z: int, ids: tuple[int, ...]) -> None:
        """Mark a slice as reviewed for some classes."""
        self.project.reviewed[z] = number_of_classes(self.project, ids)
        self.reviews[z] = ids

    @rule()
    def note(self) -> None:
        """Add to the history."""
        self.number += 1
        self.project.log("note", number=self.number)
        self.notes.append(self.number)

    @precondition(lambda self: self.healthy)
    @rule()
    def open_again(self) -> None:
        """Close the project and open it again."""
        self.project.close()
        self.project = Project(self.path)

    @precondition(lambda self: self.healthy)
    @rule()
    def save_as(self) -> None:
        """Copy the project and continue in the copy."""
        self.number += 1
        self.path = drive(copy_project(self.project, self.folder / f"p{self.number}.scsam.zarr"))
        self.project.move_to(self.path)

    # What goes wrong

    @precondition(lambda self: self.away is None)
    @rule()
    def leave(self) -> None:
        """Take the folder away."""
        self.away = self.path.with_name("away")
        self.path.rename(self.away)

    @precondition(lambda self: self.away is not None)
    @rule(follow=st.booleans())
    def come_back(self, follow: bool) -> None:
        """Bring the folder back, or continue where it is."""
        assert self.away is not None
        if follow:
            self.number += 1
            self.path = self.away.rename(self.folder / f"p{self.number}.scsam.zarr")
            self.project.follow(self.path)
        else:
            self.away.rename(self.path)
        self.away = None

    @rule(full=st.booleans())
    def fill_disk(self, full: bool) -> None:
        """Fill the disk, or make room."""
        self.disk.full = full

    @precondition(lambda self: not self.healthy)
    @rule()
    def flush(self) -> None:
        """Wait for the disk, which says why it takes nothing."""
        if not self.project.unsaved:
            return
        try:
            self.project.flush()
        except OSError:
            assert self.project.unsaved
            return
        assert self.healthy

    # What must be true

    @invariant()
    def nothing_is_written_where_the_folder_was(self) -> None:
        if self.away is not None:
            assert not self.path.exists()
            assert isinstance(self.project.trouble, MissingStoreError)

    @invariant()
    def all_is_on_disk_when_it_is_said(self) -> None:
        if self.healthy and not self.project.unsaved:
            self._compare(self.project)

    def _compare(self, project: Project) -> None:
        np.testing.assert_array_equal(project.array(CLASSES).stored[...], self.labels)
        mask = project.array(REVIEWED).stored[...]
        found = {z: classes_of_number(project, int(mask[z, 0, 0])) for z in self.reviews}
        assert found == self.reviews
        notes = [e["number"] for e in project.record.history if e["what"] == "note"]
        assert notes == self.notes

    def teardown(self) -> None:
        self.disk.full = False
        if self.away is not None:
            self.come_back(follow=False)
        self.project.close()
        again = Project(self.path)
        self._compare(again)
        assert again.folder.repaired == ()
        again.close()
        self.disk.end()
        self.retries.stop()
        self.record_retries.stop()
        shutil.rmtree(self.folder)


EXAMPLES = int(os.environ.get("SCSAM_EXAMPLES", "6"))
"""Plays; `make faults` asks for more."""

FaultyProject.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=25,
    deadline=None,
    derandomize=EXAMPLES == 6,
    database=None,
)
TestFaultyProject = FaultyProject.TestCase
