"""What is counted of each class in an evaluation, and the scores of these counts.

To add a metric, write its counts in `napari_scsam.metrics` and a row in `METRICS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.metrics import (
    Counts,
    Overlap,
    boundary_match,
    calibration,
    object_match,
    overlaps,
    pooled,
)
from napari_scsam.train.dataset import MIN_OBJECT_PIXELS

USUAL_TOLERANCE = 2.0
"""Pixels by which two people draw the same outline differently."""


class MatchLimits(NamedTuple):
    """What counts as the same outline, and what as an object."""

    tolerance: float
    """How far apart two outlines may be and still agree."""
    unit: str
    """``"nm"``, or ``"px"`` when the voxel size is unknown."""
    pixel_size: tuple[float, float]
    """(y, x) in that unit."""
    smallest: int
    """Objects of fewer pixels do not count."""

    @classmethod
    def for_pixels(
        cls,
        voxel_size: VoxelSize | None,
        nm: float | None = None,
        smallest: int = MIN_OBJECT_PIXELS,
    ) -> MatchLimits:
        """Return limits with the tolerance asked for, or two pixels (of the longer side).

        Raises
        ------
        UserError
            When it is not above 0, or given in nm where the voxel size is unknown.
        """
        if nm is not None and not 0 < nm < math.inf:
            raise UserError(f"a tolerance of {nm:g} nm is not usable; give one above 0")
        if voxel_size is None and nm is not None:
            raise UserError(
                "the voxel size is unknown, so a tolerance in nm means nothing; "
                "set the size with --voxel-size as well"
            )
        if voxel_size is None:
            return cls(USUAL_TOLERANCE, "px", (1.0, 1.0), smallest)
        if nm is None:
            nm = USUAL_TOLERANCE * max(voxel_size[1:])
        return cls(nm, "nm", voxel_size[1:], smallest)

    def __str__(self) -> str:
        """Return them in a few words, and why a tolerance is in pixels."""
        why = ""
        if self.unit == "px":
            why = " (voxel size unknown)"
        outlines = f"boundary tolerance {self.tolerance:g} {self.unit}{why}"
        return f"{outlines}; objects of {self.smallest} pixels or more"


class ClassSlice(NamedTuple):
    """One class on one slice; the arrays are Y×X."""

    predicted: NDArray[np.bool_]
    truth: NDArray[np.bool_]
    probability: NDArray[np.float32]
    limits: MatchLimits


class ScoreColumn(NamedTuple):
    """One score in the table and the JSON."""

    name: str
    """Key in the JSON."""
    heading: str
    """Of the table."""
    score: str
    """Property of the counts."""

    @property
    def width(self) -> int:
        """Characters of the table's column."""
        return max(6, len(self.heading) + 1)


@dataclass(frozen=True)
class Metric:
    """What is counted of a class, and the scores of these counts."""

    name: str
    count: Callable[[ClassSlice], Counts]
    columns: tuple[ScoreColumn, ...]


def count_overlap(one: ClassSlice) -> Overlap:
    """Count the pixels of a class."""
    return overlaps(one.predicted, one.truth, [1])[1]


def count_boundary(one: ClassSlice) -> Counts:
    """Count the outlines of a class."""
    return boundary_match(one.predicted, one.truth, one.limits.tolerance, one.limits.pixel_size)


def count_objects(one: ClassSlice) -> Counts:
    """Count the objects of a class."""
    return object_match(one.predicted, one.truth, one.limits.smallest)


def count_calibration(one: ClassSlice) -> Counts:
    """Count the pixels of a class by their probability."""
    return calibration(one.probability, one.truth)


METRICS = (
    Metric(
        "overlap",
        count_overlap,
        (ScoreColumn("dice", "Dice", "dice"), ScoreColumn("iou", "IoU", "iou")),
    ),
    Metric("boundary", count_boundary, (ScoreColumn("boundary_f1", "boundary F1", "f1"),)),
    Metric(
        "objects",
        count_objects,
        (ScoreColumn("object_f1", "object F1", "f1"), ScoreColumn("pq", "PQ", "pq")),
    ),
    Metric("calibration", count_calibration, (ScoreColumn("calibration_error", "ECE", "error"),)),
)

SCORE_COLUMNS = tuple(column for metric in METRICS for column in metric.columns)

ClassCounts = Mapping[str, Counts]
"""What was counted of one class, by the name of the metric; on one slice or on all of them."""


def count_class(one: ClassSlice) -> ClassCounts:
    """Count a class on a slice for every metric."""
    return {metric.name: metric.count(one) for metric in METRICS}


def pool_class(counts: Iterable[ClassCounts]) -> ClassCounts:
    """Add up the counts of a class over slices."""
    slices = list(counts)
    return {metric.name: pooled(one[metric.name] for one in slices) for metric in METRICS}


def scores_of(counts: ClassCounts) -> dict[str, float]:
    """Return the scores of a class by name; NaN where there is nothing to score."""
    return {
        column.name: getattr(counts[metric.name], column.score)
        for metric in METRICS
        for column in metric.columns
    }
