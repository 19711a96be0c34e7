"""What strokes say of a slice: the features under them, and of some cells beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

CONTEXT = 1500
"""Cells of a slice that are looked at beside the strokes."""

LONGEST = 120
"""Cells of one stroke that are looked at, evenly spread along it."""

CORRECTION = 0.3
"""What a stroke that corrects an answer counts beside one that shows the class.

It lies where the answer was wrong, which is no fair sample of the slice."""

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SliceFeatures:
    """What a slice, or a tile of one, shows to the classifier."""

    fine: Floats
    """C×h×w: the scale space and the detail features; for a class the network knows, also its logit."""
    fused: Floats
    """256×h'×w' of the same part, any number of cells wide."""

    @property
    def grid(self) -> tuple[int, int]:
        """The fine cells, h×w."""
        return self.fine.shape[1], self.fine.shape[2]

    def rows(self, cells: NDArray[np.int64]) -> Floats:
        """Read both kinds of features of N fine cells, given by flat index: N×F, fine ones first."""
        fine = self.fine.reshape(len(self.fine), -1)[:, cells]
        y, x = np.divmod(cells, self.grid[1])
        return np.concatenate([fine, self._coarse(y, x)]).T

    def _coarse(self, y: NDArray[np.int64], x: NDArray[np.int64]) -> Floats:
        """Read the fused features at N fine cells, bilinear: 256×N."""
        top, bottom, down = neighbours(y, self.grid[0], self.fused.shape[1])
        left, right, along = neighbours(x, self.grid[1], self.fused.shape[2])
        upper = self.fused[:, top, left] * (1 - along) + self.fused[:, top, right] * along
        lower = self.fused[:, bottom, left] * (1 - along) + self.fused[:, bottom, right] * along
        return np.asarray(upper * (1 - down) + lower * down, np.float32)


def neighbours(
    places: NDArray[np.int64], fine: int, coarse: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Find the two coarse cells that each fine cell lies between, and the share of the second."""
    at = np.clip((places + 0.5) * coarse / fine - 0.5, 0, coarse - 1).astype(np.float32)
    first = np.floor(at).astype(np.int64)
    return first, np.minimum(first + 1, coarse - 1), (at - first).astype(np.float32)


def enlarge(coarse: Floats, grid: tuple[int, int]) -> Floats:
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
    corrects: bool
    """Whether it was drawn to correct an answer, not to show the class first."""
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    """Its pixels in the slice."""

    def cells(self, shape: tuple[int, int], grid: tuple[int, int]) -> NDArray[np.int64]:
        """Compute the flat indices of the cells under it, given the slice's Y×X and the h×w of the cells."""
        rows = self.rows * grid[0] // shape[0]
        columns = self.columns * grid[1] // shape[1]
        return np.unique(rows * grid[1] + columns)


@dataclass(frozen=True, eq=False)
class Lesson:
    """What the strokes of one slice teach."""

    values: Floats
    """N×F features of the cells under strokes."""
    positive: Flags
    """N"""
    stroke: NDArray[np.int64]
    """N, the number of the stroke."""
    worth: NDArray[np.float64]
    """N, how much the stroke counts."""
    context: Floats
    """M×F features of cells that no stroke touches."""
    fine: int
    """C, how many of the F features are fine ones."""

    def only(self, kept: Flags) -> Lesson:
        """Return the lesson of some strokes, given for each of its N cells."""
        return replace(
            self,
            values=self.values[kept],
            positive=self.positive[kept],
            stroke=self.stroke[kept],
            worth=self.worth[kept],
        )


def read_lesson(
    features: SliceFeatures, strokes: Sequence[Stroke], shape: tuple[int, int]
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
    """
    cells = [thin(stroke.cells(shape, features.grid)) for stroke in strokes]
    counts = [len(each) for each in cells]
    touched = np.concatenate(cells)
    free = np.ones(features.grid[0] * features.grid[1], bool)
    free[touched] = False
    chance = np.random.default_rng(0)
    drawn = chance.choice(np.flatnonzero(free), min(CONTEXT, int(free.sum())), replace=False)
    positive = np.repeat([stroke.positive for stroke in strokes], counts)
    numbers = np.repeat(np.arange(len(strokes)), counts)
    worth = np.repeat([CORRECTION if stroke.corrects else 1.0 for stroke in strokes], counts)
    return Lesson(
        features.rows(touched), positive, numbers, worth, features.rows(drawn), len(features.fine)
    )


def thin(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take at most `LONGEST` of the cells, evenly spread."""
    if len(cells) <= LONGEST:
        return cells
    return cells[np.linspace(0, len(cells) - 1, LONGEST).astype(np.int64)]


def join_lessons(lessons: Sequence[Lesson]) -> Lesson:
    """Put the lessons of several slices together; strokes are numbered through."""
    starts = np.cumsum([0] + [int(each.stroke.max()) + 1 for each in lessons])
    return Lesson(
        np.concatenate([each.values for each in lessons]),
        np.concatenate([each.positive for each in lessons]),
        np.concatenate([each.stroke + start for each, start in zip(lessons, starts, strict=False)]),
        np.concatenate([each.worth for each in lessons]),
        np.concatenate([each.context for each in lessons]),
        lessons[0].fine,
    )
