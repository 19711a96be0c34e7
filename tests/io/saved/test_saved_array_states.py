"""A saved array as hypothesis plays with it, beside a plain numpy array that does the same.

Edits are made through a napari labels layer, as a brush or a model makes them: they can be undone and redone.
Locks hold what is locked. At any point the array may be opened again from disk; its history is gone then, its labels are not.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import zarr
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from napari.layers import Labels

from napari_scsam.gui.layers.locks import lock, locked_labels, protect_locked
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.io.saved.saved_array import SavedArray

SHAPE = (3, 21, 26)
CHUNKS = (1, 8, 8)
FEW_CHUNKS = 5 * 8 * 8
"""Bytes: fewer chunks than the array has, so that they are dropped and read again."""

LABELS = st.integers(0, 4)
SLICES = st.integers(0, SHAPE[0] - 1)
ROWS = st.integers(0, SHAPE[1] - 1)
COLUMNS = st.integers(0, SHAPE[2] - 1)
VOXELS = st.lists(st.tuples(SLICES, ROWS, COLUMNS), min_size=1, max_size=12, unique=True)


def spans(size: int) -> st.SearchStrategy[slice]:
    """Draw slices along an axis; also empty ones, and some with steps."""
    ends = st.tuples(st.integers(0, size), st.integers(0, size), st.integers(1, 3))
    return ends.map(lambda e: slice(min(e[:2]), max(e[:2]), e[2]))


class PaintedLabels(RuleBasedStateMachine):
    """A labels layer on a saved array, and what its labels must be."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        zarr.create_array(
            self.folder / "a", shape=SHAPE, chunks=CHUNKS, dtype="uint8", fill_value=0
        )
        self.expected = np.zeros(SHAPE, np.uint8)
        self.locked: set[int] = set()
        self._open()

    def _open(self) -> None:
        """Open the array, as a new window does: what is locked is known, what was done is not."""
        self.saved = SavedArray(zarr.open_array(self.folder / "a"), FEW_CHUNKS)
        self.layer = Labels(self.saved)
        for value in sorted(self.locked):
            lock(self.layer, value, locked=True)
        self.past: list[np.ndarray] = []
        self.future: list[np.ndarray] = []

    def _did(self, before: np.ndarray) -> None:
        """Note an edit; napari keeps none that changed nothing."""
        if (before != self.expected).any():
            self.past.append(before)
            self.future.clear()

    @rule(voxels=VOXELS, value=LABELS)
    def paint(self, voxels: list[tuple[int, int, int]], value: int) -> None:
        """Paint voxels with one label, as a brush does."""
        before = self.expected.copy()
        indices = tuple(np.array(axis) for axis in zip(*voxels, strict=True))
        changed = before[indices] != value
        if not changed.any():
            return
        indices = tuple(axis[changed] for axis in indices)
        self.layer.data_setitem(indices, value)
        self.expected[indices] = value
        self._did(before)

    @rule(z=SLICES, rows=spans(SHAPE[1]), columns=spans(SHAPE[2]), value=LABELS)
    def predict(self, z: int, rows: slice, columns: slice, value: int) -> None:
        """Fill a part of a slice, but for locked labels, as a model does."""
        before = self.expected.copy()
        current = np.asarray(self.saved[z])
        free = np.zeros(SHAPE[1:], bool)
        free[rows, columns] = True
        free &= ~protect_locked(self.layer, Plane(), slice(None), current)
        free &= current != value
        y, x = np.nonzero(free)
        if not len(y):
            return
        self.layer.data_setitem((np.full(len(y), z), y, x), value)
        allowed = np.zeros(SHAPE[1:], bool)
        allowed[rows, columns] = True
        allowed &= ~np.isin(before[z], sorted(self.locked))
        self.expected[z][allowed] = value
        self._did(before)

    @rule(voxels=VOXELS, seed=st.integers(0, 9))
    def relabel(self, voxels: list[tuple[int, int, int]], seed: int) -> None:
        """Write several labels in one step, as an object tool does."""
        before = self.expected.copy()
        indices = tuple(np.array(axis) for axis in zip(*voxels, strict=True))
        values = np.random.default_rng(seed).integers(0, 5, len(voxels)).astype(np.uint8)
        changed = before[indices] != values
        if not changed.any():
            return
        indices = tuple(axis[changed] for axis in indices)
        with self.layer.block_history():
            self.layer.data_setitem(indices, values[changed])
        self.expected[indices] = values[changed]
        self._did(before)

    @precondition(lambda self: self.past)
    @rule()
    def undo(self) -> None:
        """Undo the last edit."""
        self.layer.undo()
        self.future.append(self.expected)
        self.expected = self.past.pop()

    @precondition(lambda self: self.future)
    @rule()
    def redo(self) -> None:
        """Redo what was undone last."""
        self.layer.redo()
        self.past.append(self.expected)
        self.expected = self.future.pop()

    @rule(value=st.integers(1, 4))
    def change_lock(self, value: int) -> None:
        """Lock a label, or unlock it."""
        locked = value not in self.locked
        lock(self.layer, value, locked=locked)
        self.locked ^= {value}

    @rule(rows=spans(SHAPE[1]), columns=spans(SHAPE[2]), value=LABELS)
    def write_box(self, rows: slice, columns: slice, value: int) -> None:
        """Write a box through all slices, past the layer, as an import does; it ends the history."""
        self.saved[:, rows, columns] = value
        self.expected = self.expected.copy()
        self.expected[:, rows, columns] = value
        self.past.clear()
        self.future.clear()
        self.layer._reset_history()

    @rule(rows=spans(SHAPE[1]), columns=spans(SHAPE[2]))
    def read_box(self, rows: slice, columns: slice) -> None:
        """Read a box, some of it dropped from memory before."""
        box = self.saved[1:, rows, columns]
        np.testing.assert_array_equal(box, self.expected[1:, rows, columns])
        box[...] = 9  # a copy: this changes nothing

    @rule(voxels=VOXELS)
    def read_voxels(self, voxels: list[tuple[int, int, int]]) -> None:
        """Read single voxels."""
        indices = tuple(np.array(axis) for axis in zip(*voxels, strict=True))
        np.testing.assert_array_equal(self.saved[indices], self.expected[indices])

    @rule()
    def read_ahead(self) -> None:
        """Read chunks in the background; edits stay."""
        self.saved.preload()

    @rule()
    def flush(self) -> None:
        """Wait until all is on disk."""
        self.saved.flush()
        assert not self.saved.unsaved
        np.testing.assert_array_equal(zarr.open_array(self.folder / "a")[...], self.expected)

    @rule()
    def open_again(self) -> None:
        """Close the window and open the array again."""
        self.saved.flush()
        self._open()

    @rule()
    def move(self) -> None:
        """Save the project under another name, and continue there."""
        self.saved.flush()
        shutil.copytree(self.folder / "a", self.folder / "b")
        shutil.rmtree(self.folder / "a")
        (self.folder / "b").rename(self.folder / "a")
        self.saved.move_to(zarr.open_array(self.folder / "a"))

    @invariant()
    def labels_are_those_of_numpy(self) -> None:
        np.testing.assert_array_equal(np.asarray(self.saved), self.expected)

    @invariant()
    def locks_are_those_of_the_layer(self) -> None:
        assert locked_labels(self.layer) == tuple(sorted(self.locked))

    @invariant()
    def slices_with_labels_are_among_the_touched_ones(self) -> None:
        used = set(np.flatnonzero(self.expected.any(axis=(1, 2))).tolist())
        assert used <= self.saved.touched()

    def teardown(self) -> None:
        self.saved.flush()
        np.testing.assert_array_equal(zarr.open_array(self.folder / "a")[...], self.expected)
        shutil.rmtree(self.folder)


EXAMPLES = int(os.environ.get("SCSAM_EXAMPLES", "8"))
"""Plays; `make faults` asks for more."""

PaintedLabels.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=25,
    deadline=None,
    derandomize=EXAMPLES == 8,
    database=None,
)
TestPaintedLabels = PaintedLabels.TestCase
