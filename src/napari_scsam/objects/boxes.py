"""The box around each label of an array: found in one pass, block by block, and kept up to date.

Boxes only ever grow. Whatever a write adds and an undo restores is inside, so a box need not
shrink when voxels are removed. Who uses a box reads what is in it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.steps import Progress

Box = tuple[slice, ...]
"""One slice per axis, with a start and a stop."""

Box3D = tuple[slice, slice, slice]
"""The same of a volume: along z, y and x."""

BLOCK_VOXELS = 2**20
"""Voxels that are read in one step."""

STEPS_PER_REPORT = 8
"""Steps between two reports of progress, each of which is drawn."""


@dataclass(frozen=True)
class Tally:
    """Box and number of voxels of each label; one row a label, without 0."""

    values: NDArray[Any]
    """n labels, sorted."""
    low: NDArray[np.int32]
    """n × axes, the first index of each box."""
    high: NDArray[np.int32]
    """n × axes, one more than the last index."""
    counts: NDArray[np.int64]
    """n numbers of voxels."""
    first: NDArray[np.int32]
    """n × axes, one voxel of each label."""


def tally(block: NDArray[Any], offset: Sequence[int] = ()) -> Tally:
    """Count the labels of a block by its runs of equal values along the last axis.

    Parameters
    ----------
    block
        Labels, any number of axes.
    offset
        Index of the block's first voxel in the array; zeros by default.
    """
    # A run ends with its row, so that its box is one voxel wide along the other axes.
    rows = np.ascontiguousarray(block).reshape(-1, block.shape[-1])
    begins = np.ones(rows.shape, bool)
    np.not_equal(rows[:, 1:], rows[:, :-1], out=begins[:, 1:])
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=rows.size)
    values = rows.ravel()[starts]
    held = values != 0
    first = np.stack(np.unravel_index(starts[held], block.shape), axis=1)
    low = first.astype(np.int32) + np.asarray(offset or 0, np.int32)
    high = low + 1
    high[:, -1] = low[:, -1] + lengths[held]
    return merge_rows(values[held], low, high, lengths[held], low)


def tally_points(indices: Sequence[NDArray[Any]], values: Any) -> Tally:
    """Count labels written to single voxels.

    Parameters
    ----------
    indices
        One array per axis, all of one length.
    values
        One label, or one per voxel.
    """
    points = [np.ravel(axis) for axis in indices]
    labels = np.broadcast_to(np.ravel(values), points[0].shape)
    if not labels.size:
        return tally(np.zeros((1,) * len(points), np.uint8))
    # Runs of one label in the list are joined first: they are much fewer than the voxels.
    starts = np.flatnonzero(np.concatenate(([True], labels[1:] != labels[:-1])))
    low = np.stack([np.minimum.reduceat(axis, starts) for axis in points], axis=1).astype(np.int32)
    last = np.stack([np.maximum.reduceat(axis, starts) for axis in points], axis=1)
    high = last.astype(np.int32) + 1
    first = np.stack([axis[starts] for axis in points], axis=1).astype(np.int32)
    held = labels[starts] != 0
    counts = np.diff(starts, append=labels.size)
    return merge_rows(labels[starts][held], low[held], high[held], counts[held], first[held])


def merge_rows(
    values: NDArray[Any],
    low: NDArray[Any],
    high: NDArray[Any],
    counts: NDArray[Any],
    first: NDArray[Any],
) -> Tally:
    """Merge the rows of each label into one."""
    if not values.size:
        return Tally(values, low, high, counts, first)
    order = np.argsort(values, kind="stable")
    values = values[order]
    starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    return Tally(
        values[starts],
        np.minimum.reduceat(low[order], starts, axis=0),
        np.maximum.reduceat(high[order], starts, axis=0),
        np.add.reduceat(counts[order], starts),
        first[order][starts],
    )


def merge_tallies(tallies: Sequence[Tally]) -> Tally:
    """Merge several tallies into one."""
    fields = ("values", "low", "high", "counts", "first")
    return merge_rows(
        *(np.concatenate([getattr(one, field) for one in tallies]) for field in fields)
    )


def tally_steps(data: Any, within: Box | None = None) -> Generator[Progress, None, Tally]:
    """Count all labels of an array or of a part of it, block by block."""
    boxes = list(iter_blocks(data, within))
    done = 0
    found = []
    total = sum(box_size(box) for box in boxes)
    for number, box in enumerate(boxes):
        if number % STEPS_PER_REPORT == 0:
            yield Progress(done, total, "looking for the objects")
        found.append(tally(np.asarray(data[box]), [side.start for side in box]))
        done += box_size(box)
    return merge_tallies(found)


def iter_blocks(data: Any, within: Box | None = None) -> Iterator[Box]:
    """Cut an array or a part of it into blocks of about `BLOCK_VOXELS` voxels.

    Blocks are made of whole chunks if the array has chunks.
    """
    limits = within or tuple(slice(0, n) for n in data.shape)
    shape = [limit.stop - limit.start for limit in limits]
    side = [min(n, c) for n, c in zip(shape, _chunks(data), strict=True)]
    for axis in reversed(range(len(shape))):
        side[axis] = min(shape[axis], side[axis] * max(1, BLOCK_VOXELS // prod(side)))
    starts = product(
        *(range(limit.start, limit.stop, s) for limit, s in zip(limits, side, strict=True))
    )
    for start in starts:
        yield tuple(
            slice(a, min(a + s, limit.stop))
            for a, s, limit in zip(start, side, limits, strict=True)
        )


def box_size(box: Box) -> int:
    """Return the number of voxels in a box."""
    return prod(side.stop - side.start for side in box)


def _chunks(data: Any) -> Sequence[int]:
    chunks = getattr(data, "chunks", None)
    if chunks and all(isinstance(side, int) for side in chunks):
        return tuple(chunks)
    return (1,) * len(data.shape)


class LabelBoxes:
    """A box around each label of an array, at least as large as the label."""

    def __init__(self, counted: Tally) -> None:
        self._values = counted.values.astype(np.int64)
        self._low = counted.low
        self._high = counted.high
        self._rows = {value: row for row, value in enumerate(self._values.tolist())}
        self.edited: set[int] = set()
        """Labels that were written or written over since: they may have no voxel any more."""

    def note_edited(self, values: Iterable[int]) -> None:
        """Note labels that were written or written over."""
        self.edited.update(int(value) for value in values)

    def meeting(self, within: Box) -> NDArray[np.int64]:
        """Return the labels whose boxes meet a box, sorted."""
        start = np.array([side.start for side in within])
        stop = np.array([side.stop for side in within])
        meets = ((self._low < stop) & (self._high > start)).all(axis=1)
        return np.sort(self._values[meets])

    def widen(self, written: Tally) -> None:
        """Widen the boxes of labels that were written."""
        values = written.values.tolist()
        known = np.array([value in self._rows for value in values], bool)
        rows = [self._rows[value] for value in values if value in self._rows]
        self._low[rows] = np.minimum(self._low[rows], written.low[known])
        self._high[rows] = np.maximum(self._high[rows], written.high[known])
        new = written.values[~known].astype(np.int64)
        self._rows |= {value: len(self._values) + n for n, value in enumerate(new.tolist())}
        self._values = np.concatenate([self._values, new])
        self._low = np.concatenate([self._low, written.low[~known]])
        self._high = np.concatenate([self._high, written.high[~known]])

    def box(self, value: int) -> Box | None:
        """Return a box that holds all of a label; None when it was never seen."""
        row = self._rows.get(int(value))
        if row is None:
            return None
        return tuple(
            slice(int(a), int(b)) for a, b in zip(self._low[row], self._high[row], strict=True)
        )

    def beside(self, value: int, step: int) -> int | None:
        """Return the next label ever seen above (step 1) or below (step -1) a value."""
        if step > 0:
            above = self._values[self._values > value]
            return int(above.min()) if above.size else None
        below = self._values[self._values < value]
        return int(below.max()) if below.size else None

    def unused(self, count: int, highest: int) -> list[int]:
        """Return labels never seen, up to `highest`: above all others, then from gaps.

        They are fewer than `count` when there are no more.
        """
        top = int(self._values.max(initial=0))
        above = list(range(top + 1, min(top + count, highest) + 1))
        gaps = (value for value in range(1, top + 1) if value not in self._rows)
        return above + [value for value, _ in zip(gaps, range(count - len(above)), strict=False)]
