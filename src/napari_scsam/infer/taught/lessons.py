"""What strokes say of a slice: the features under them, and of some cells beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONTEXT = 200
"""Cells of a slice that are looked at beside the strokes."""

TOUCHED = 280
"""Cells under the first strokes of a slice that are looked at, shared out evenly among them."""

TOUCHED_LATER = 100
"""Cells under the strokes of each round of corrections that are looked at.

A cell is 616 bytes, so what is stored of a slice after five rounds stays below 650 kB."""

LONGEST, SHORTEST = 28, 4
"""Cells of one stroke that are looked at, evenly spread along it: at most, and at least."""

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
CellIndices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SliceFeatures:
    """What a slice, or a tile of one, shows to the classifier."""

    fine: Floats
    """C×h×w: the 20 maps of `scale_space`, then the detail features."""
    fused: Floats
    """256×h'×w' of the same part, any number of cells wide."""

    @property
    def grid(self) -> tuple[int, int]:
        """The fine cells, h×w."""
        return self.fine.shape[1], self.fine.shape[2]

    def rows(self, cells: CellIndices) -> Floats:
        """Read all features of N fine cells, given by flat index: N×F, fine ones first."""
        fine = self.fine.reshape(len(self.fine), -1)[:, cells]
        y, x = np.divmod(cells, self.grid[1])
        return np.concatenate([fine, self._coarse(y, x)]).T

    def _coarse(self, y: CellIndices, x: CellIndices) -> Floats:
        """Read the fused features at N fine cells, bilinear: 256×N."""
        top, bottom, down = neighbours(y, self.grid[0], self.fused.shape[1])
        left, right, along = neighbours(x, self.grid[1], self.fused.shape[2])
        upper = self.fused[:, top, left] * (1 - along) + self.fused[:, top, right] * along
        lower = self.fused[:, bottom, left] * (1 - along) + self.fused[:, bottom, right] * along
        return np.asarray(upper * (1 - down) + lower * down, np.float32)


def neighbours(
    places: CellIndices, fine: int, coarse: int
) -> tuple[CellIndices, CellIndices, Floats]:
    """Find the two coarse cells that each fine cell lies between, and the share of the second."""
    at = np.clip((places + 0.5) * coarse / fine - 0.5, 0, coarse - 1).astype(np.float32)
    first = np.floor(at).astype(np.int64)
    return first, np.minimum(first + 1, coarse - 1), (at - first).astype(np.float32)


def enlarge_to_cells(coarse: Floats, grid: tuple[int, int]) -> Floats:
    """Enlarge h'×w' values to the fine cells, bilinear."""
    top, bottom, down = neighbours(np.arange(grid[0]), grid[0], coarse.shape[0])
    left, right, along = neighbours(np.arange(grid[1]), grid[1], coarse.shape[1])
    rows = coarse[top] * (1 - down[:, None]) + coarse[bottom] * down[:, None]
    return np.asarray(rows[:, left] * (1 - along) + rows[:, right] * along, np.float32)


@dataclass(frozen=True, eq=False)
class Stroke:
    """One stroke, as it is kept with a project and replayed."""

    positive: bool
    """Whether it lies on the class, or beside it."""
    corrects: int
    """The round of corrections that it belongs to; 0 where it showed the class first."""
    rows: CellIndices
    columns: CellIndices
    """Its pixels in the slice."""

    def cells(self, shape: tuple[int, int], grid: tuple[int, int]) -> CellIndices:
        """Compute flat indices of the cells under it, from Y×X of the slice and h×w cells."""
        rows = self.rows * grid[0] // shape[0]
        columns = self.columns * grid[1] // shape[1]
        return np.unique(rows * grid[1] + columns)


@dataclass(frozen=True, eq=False)
class Lesson:
    """What the strokes of a slice, or of several, teach.

    Values are float16. A lesson is what is stored of a taught class, so a repeated fit must see
    exactly the same values.
    """

    values: NDArray[np.float16]
    """N×F features of the cells under strokes."""
    positive: Flags
    """N, whether the stroke lies on the class."""
    stroke: NDArray[np.int32]
    """N, the number of the stroke."""
    corrects: NDArray[np.int32]
    """N, the round of corrections that the stroke belongs to, or 0."""
    context: NDArray[np.float16]
    """M×F features of cells that no stroke touches."""
    fine: int
    """C, how many of the F features are fine ones."""

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, for a safetensors or npz file."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Lesson:
        """Read what `to_arrays` returned."""
        return cls(
            arrays["values"],
            arrays["positive"],
            arrays["stroke"],
            arrays["corrects"],
            arrays["context"],
            int(arrays["fine"].item()),
        )

    def only(self, kept: Flags) -> Lesson:
        """Return the lesson of some cells under strokes, given for each of the N."""
        return replace(
            self,
            values=self.values[kept],
            positive=self.positive[kept],
            stroke=self.stroke[kept],
            corrects=self.corrects[kept],
        )


def read_lesson(
    features: SliceFeatures,
    strokes: Sequence[Stroke],
    shape: tuple[int, int],
    *,
    reads_network: bool = False,
) -> Lesson:
    """Read the features under the strokes of one slice, and some that no stroke touches.

    Parameters
    ----------
    features
        Of the slice.
    strokes
        Of this slice.
    shape
        Y×X of the slice that they were drawn on.
    reads_network
        Whether the last fine map is the network's own logit of the class. Half of the cells that
        no stroke touches are then taken where the network finds it.
    """
    under = [stroke.cells(shape, features.grid) for stroke in strokes]
    longest = [cells_of_a_stroke(stroke, strokes) for stroke in strokes]
    cells = [thin(all_of_it, most) for all_of_it, most in zip(under, longest, strict=True)]
    counts = [len(kept) for kept in cells]
    free = np.ones(features.grid[0] * features.grid[1], bool)
    free[np.concatenate(under)] = False
    beside = drawn_from(free, CONTEXT)
    if reads_network:
        found = features.fine[-1].ravel() > 0
        inside = drawn_from(free & found, CONTEXT // 2)
        outside = drawn_from(free & ~found, CONTEXT // 2)
        beside = np.concatenate([inside, outside])
    return Lesson(
        features.rows(np.concatenate(cells)).astype(np.float16),
        np.repeat([stroke.positive for stroke in strokes], counts),
        np.repeat(np.arange(len(strokes), dtype=np.int32), counts),
        np.repeat(np.array([stroke.corrects for stroke in strokes], np.int32), counts),
        features.rows(beside).astype(np.float16),
        len(features.fine),
    )


def drawn_from(free: Flags, most: int) -> CellIndices:
    """Draw some cells, given where they may be.

    They are always the same, but for those that new strokes touch.
    """
    drawn = np.random.default_rng(0).permutation(len(free))
    return drawn[free[drawn]][:most]


def cells_of_a_stroke(stroke: Stroke, strokes: Sequence[Stroke]) -> int:
    """Return how many cells of a stroke are looked at; strokes of later rounds change nothing."""
    alike = sum(other.corrects == stroke.corrects for other in strokes)
    budget = TOUCHED_LATER if stroke.corrects else TOUCHED
    return int(np.clip(budget // alike, SHORTEST, LONGEST))


def thin(cells: CellIndices, count: int) -> CellIndices:
    """Take at most `count` of the cells, evenly spread."""
    if len(cells) <= count:
        return cells
    return cells[np.linspace(0, len(cells) - 1, count).astype(np.int64)]


def join_lessons(lessons: Sequence[Lesson]) -> Lesson:
    """Put the lessons of several slices together; strokes are numbered through."""
    counts = [int(each.stroke.max(initial=-1)) + 1 for each in lessons]
    starts = np.cumsum([0, *counts[:-1]], dtype=np.int32)
    numbers = [each.stroke + start for each, start in zip(lessons, starts, strict=True)]
    return Lesson(
        np.concatenate([each.values for each in lessons]),
        np.concatenate([each.positive for each in lessons]),
        np.concatenate(numbers),
        np.concatenate([each.corrects for each in lessons]),
        np.concatenate([each.context for each in lessons]),
        lessons[0].fine,
    )
