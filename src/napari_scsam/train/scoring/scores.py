"""The result of an evaluation: a table for people, JSON for programs."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from operator import itemgetter
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec
from napari_scsam.metrics import Overlap, dice, interval, iou, mean, resamples
from napari_scsam.train.scoring.class_metrics import (
    SCORE_COLUMNS,
    ClassCounts,
    MatchLimits,
    pool_class,
    scores_of,
)
from napari_scsam.train.scoring.score_text import bracket, counted, nan_to_none, number

INTERVALS = {"dice_interval": dice, "iou_interval": iou}
"""Scores with a bootstrap interval; each is computed from …×3 numbers, the fields of `Overlap`."""

SHOWN_INTERVAL = "dice"
"""The score whose interval the table shows."""

INTERVAL_WIDTH = 16

NAME_WIDTH = 24


@dataclass(frozen=True)
class Scores:
    """Agreement with the truth, by class."""

    classes: tuple[ClassSpec, ...]
    slices: tuple[tuple[ClassCounts, ...], ...]
    """Of each slice, one for each class."""
    limits: MatchLimits
    unlabelled: tuple[ClassSpec, ...] = ()
    """Classes of the checkpoint that the labels lack, so that they cannot be scored."""

    @property
    def totals(self) -> tuple[ClassCounts, ...]:
        """Counts of each class over all slices."""
        return tuple(pool_class(counts) for counts in zip(*self.slices, strict=True))

    @property
    def overlaps(self) -> tuple[Overlap, ...]:
        """Overlap of each class over all slices."""
        return tuple(overlap_of(total) for total in self.totals)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values.

        Scores of a class that never occurs, or is not labelled, are null and do not count in the
        mean.
        """
        intervals = self.intervals()
        rows = [*self._labelled_rows(intervals), *self._unlabelled_rows()]
        scores = [scores_of(total) for total in self.totals]
        result: dict[str, Any] = {"classes": sorted(rows, key=itemgetter("id"))}
        for column in SCORE_COLUMNS:
            result[f"mean_{column.name}"] = mean(values[column.name] for values in scores)
        for name, ends in intervals.items():
            result[f"mean_{name}"] = ends[-1]
        result["slices"] = len(self.slices)
        result["tolerance"] = self.limits.tolerance
        result["tolerance_unit"] = self.limits.unit
        result["smallest_object"] = self.limits.smallest
        plain: dict[str, Any] = nan_to_none(result)
        return plain

    def _labelled_rows(self, intervals: dict[str, list[list[float]]]) -> list[dict[str, Any]]:
        rows = []
        for index, (spec, total) in enumerate(zip(self.classes, self.totals, strict=True)):
            row = {"id": spec.id, "name": spec.name, "pixels": overlap_of(total).truth}
            ends = {name: by_class[index] for name, by_class in intervals.items()}
            rows.append({**row, **scores_of(total), **ends})
        return rows

    def _unlabelled_rows(self) -> list[dict[str, Any]]:
        names = [*(column.name for column in SCORE_COLUMNS), *INTERVALS]
        nothing: dict[str, Any] = {"pixels": 0, **dict.fromkeys(names)}
        return [{"id": spec.id, "name": spec.name, **nothing} for spec in self.unlabelled]

    def intervals(self) -> dict[str, list[list[float]]]:
        """Return 95 % bootstrap intervals over slices: of each class, and last of their mean."""
        counts = np.array([[astuple(overlap_of(c)) for c in classes] for classes in self.slices])
        drawn = np.tensordot(resamples(len(counts)), counts, 1)  # draws×classes×3
        return {
            name: interval_bounds(score(drawn), len(counts)).tolist()
            for name, score in INTERVALS.items()
        }

    def __str__(self) -> str:
        """Return a table: one line a class, the mean, and what the numbers mean."""
        data = self.to_dict()
        means = {
            key.removeprefix("mean_"): value
            for key, value in data.items()
            if key.startswith("mean_")
        }
        lines = [heading_line()]
        lines += [table_line(row) for row in [*data["classes"], {"name": "mean", **means}]]
        if self.unlabelled:
            names = ", ".join(c.name for c in self.unlabelled)
            lines.append(f"not labelled there, so not scored: {names}")
        lines.append(f"{counted(len(self.slices), 'slice')}; {self.limits}")
        return "\n".join(lines)


def overlap_of(counts: ClassCounts) -> Overlap:
    """Return the pixel counts of a class."""
    return cast(Overlap, counts["overlap"])


def interval_bounds(drawn: NDArray[np.float64], slices: int) -> NDArray[np.float64]:
    """Return intervals of draws×classes scores and of their mean, (classes + 1)×2.

    One slice has no interval: all are NaN.
    """
    every = np.column_stack([drawn, [mean(scores) for scores in drawn]])
    found = interval(every).T
    if slices == 1:
        return np.full_like(found, np.nan)
    return found


def heading_line() -> str:
    """Return the first line of the table."""
    headings = {column.name: column.heading for column in SCORE_COLUMNS}
    return join_cells("class", headings, "[95 % interval]")


def table_line(row: dict[str, Any]) -> str:
    """Return one line of the table; a dash where there is nothing to score."""
    texts = {column.name: number(row[column.name]) for column in SCORE_COLUMNS}
    return join_cells(row["name"], texts, bracket(row[f"{SHOWN_INTERVAL}_interval"]))


def join_cells(name: str, texts: dict[str, str], ends: str) -> str:
    """Return a line of the table, padded to the columns' widths."""
    cells = [f"{name:{NAME_WIDTH}}"]
    for column in SCORE_COLUMNS:
        cells.append(f"{texts[column.name]:>{column.width}}")
        if column.name == SHOWN_INTERVAL:
            cells.append(f"{ends:{INTERVAL_WIDTH}}")
    return " ".join(cells)
