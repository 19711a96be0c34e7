"""What an evaluation found: a table for people, JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, UserError, VoxelSize
from napari_scsam.metrics import (
    BoundaryMatch,
    Calibration,
    ObjectMatch,
    Overlap,
    dice,
    interval,
    iou,
    mean,
    pooled,
    resamples,
)
from napari_scsam.train.dataset import SMALLEST_OBJECT

USUAL_TOLERANCE = 2.0
"""Pixels by which two people draw the same outline differently."""

SCORES = ("dice", "iou", "boundary_f1", "object_f1", "pq", "calibration_error")


class Limits(NamedTuple):
    """What counts as the same outline, and what as an object."""

    tolerance: float
    """How far apart two outlines may be and still agree."""
    unit: str
    """``"nm"``, or ``"px"`` when the voxel size is unknown."""
    pixel_size: tuple[float, float]
    """(y, x) in that unit."""
    smallest: int
    """Pixels that an object has at least."""

    @classmethod
    def for_pixels(
        cls, voxel_size: VoxelSize | None, nm: float | None = None, smallest: int = SMALLEST_OBJECT
    ) -> Limits:
        """Take the tolerance asked for, or two pixels (of the longer side).

        Raises
        ------
        UserError
            When it is not above 0, or given in nm where the voxel size is unknown.
        """
        if nm is not None and not 0 < nm < math.inf:
            raise UserError(f"a tolerance of {nm:g} nm is not usable; give one above 0")
        if voxel_size is None:
            if nm is not None:
                raise UserError(
                    "the voxel size is unknown, so a tolerance in nm means nothing; tell the size with --voxel-size as well"
                )
            return cls(USUAL_TOLERANCE, "px", (1.0, 1.0), smallest)
        return cls(
            USUAL_TOLERANCE * max(voxel_size[1:]) if nm is None else nm,
            "nm",
            voxel_size[1:],
            smallest,
        )

    def __str__(self) -> str:
        """Say them in a few words, and why a tolerance is in pixels."""
        why = " (voxel size unknown)" if self.unit == "px" else ""
        return f"boundary tolerance {self.tolerance:g} {self.unit}{why}; objects of {self.smallest} pixels or more"


class ClassCounts(NamedTuple):
    """What was counted of one class on one slice, or on all of them."""

    overlap: Overlap
    boundary: BoundaryMatch
    objects: ObjectMatch
    calibration: Calibration

    def scores(self) -> dict[str, float]:
        """Return the scores by name; NaN where there is nothing to score."""
        values = (
            self.overlap.dice,
            self.overlap.iou,
            self.boundary.f1,
            self.objects.f1,
            self.objects.pq,
            self.calibration.error,
        )
        return dict(zip(SCORES, values, strict=True))


@dataclass(frozen=True)
class Scores:
    """Agreement with the truth, by class."""

    classes: tuple[ClassSpec, ...]
    slices: tuple[tuple[ClassCounts, ...], ...]
    """Of each slice, one for each class."""
    limits: Limits
    unlabelled: tuple[ClassSpec, ...] = ()
    """Classes of the checkpoint that nobody labelled, so that nothing can be said of them."""

    @property
    def totals(self) -> tuple[ClassCounts, ...]:
        """Counts of each class over all slices."""
        by_class = zip(*self.slices, strict=True)
        return tuple(
            ClassCounts(*(pooled(kind) for kind in zip(*counts, strict=True)))
            for counts in by_class
        )

    @property
    def overlaps(self) -> tuple[Overlap, ...]:
        """Overlap of each class over all slices."""
        return tuple(total.overlap for total in self.totals)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; scores of a class that never occurs, or is not labelled, are null and do not count in the mean."""
        totals = self.totals
        intervals = self.intervals()
        scores = [total.scores() for total in totals]
        rows = [
            {
                "id": c.id,
                "name": c.name,
                "pixels": t.overlap.truth,
                **values,
                **{k: ends[i] for k, ends in intervals.items()},
            }
            for i, (c, t, values) in enumerate(zip(self.classes, totals, scores, strict=True))
        ]
        nothing: dict[str, Any] = {"pixels": 0, **dict.fromkeys([*SCORES, *intervals])}
        rows = sorted(
            [*rows, *({"id": c.id, "name": c.name, **nothing} for c in self.unlabelled)],
            key=itemgetter("id"),
        )
        means = {f"mean_{name}": mean(values[name] for values in scores) for name in SCORES}
        mean_intervals = {f"mean_{name}": ends[-1] for name, ends in intervals.items()}
        limits = {
            "tolerance": self.limits.tolerance,
            "tolerance_unit": self.limits.unit,
            "smallest_object": self.limits.smallest,
        }
        result: dict[str, Any] = plain(
            {"classes": rows, **means, **mean_intervals, "slices": len(self.slices), **limits}
        )
        return result

    def intervals(self) -> dict[str, list[list[float]]]:
        """Find 95 % bootstrap intervals over slices of Dice and IoU: of each class, and last of their mean."""
        counts = np.array([[astuple(c.overlap) for c in classes] for classes in self.slices])
        drawn = np.tensordot(resamples(len(counts)), counts, 1)  # draws×classes×3
        return {
            f"{name}_interval": bounds(score(drawn), len(counts)).tolist()
            for name, score in (("dice", dice), ("iou", iou))
        }

    def __str__(self) -> str:
        """Draw a table: one line a class, the mean, and what the numbers mean."""
        data = self.to_dict()
        means = {
            key.removeprefix("mean_"): value
            for key, value in data.items()
            if key.startswith("mean_")
        }
        lines = [
            f"{'class':24} {'Dice':>6} {'[95 % interval]':16}    IoU  boundary F1  object F1     PQ    ECE"
        ]
        lines += [table_line(row) for row in [*data["classes"], {"name": "mean", **means}]]
        count = f"{len(self.slices)} slice{'s' if len(self.slices) > 1 else ''}"
        missing = (
            [f"not labelled there, so not scored: {', '.join(c.name for c in self.unlabelled)}"]
            if self.unlabelled
            else []
        )
        return "\n".join([*lines, *missing, f"{count}; {self.limits}"])


def bounds(drawn: NDArray[np.float64], slices: int) -> NDArray[np.float64]:
    """Return intervals of draws×classes scores and of their mean, (classes + 1)×2; NaN for one slice, which says nothing of others."""
    every = np.column_stack([drawn, [mean(scores) for scores in drawn]])
    found = interval(every).T
    return found if slices > 1 else np.full_like(found, np.nan)


def table_line(row: dict[str, Any]) -> str:
    """Draw one line of the table; a dash where there is nothing to score."""
    dice_, *others = (number(row[name]) for name in SCORES)
    widths = zip(others, (6, 12, 10, 6, 6), strict=True)
    return f"{row['name']:24} {dice_:>6} {bracket(row['dice_interval']):16} " + " ".join(
        f"{text:>{width}}" for text, width in widths
    )


def number(value: float | None) -> str:
    """Write a score with three digits."""
    return "–" if value is None else f"{value:.3f}"


def bracket(ends: Iterable[float] | None) -> str:
    """Write an interval."""
    return "" if ends is None else "[{:.3f}, {:.3f}]".format(*ends)


def plain(value: Any) -> Any:
    """Turn NaN, and intervals of it, into None all through a JSON value."""
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, list):
        items = [plain(v) for v in value]
        return None if items and all(v is None for v in items) else items
    return None if isinstance(value, float) and math.isnan(value) else value
