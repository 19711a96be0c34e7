"""Dice (Dice 1945) and intersection over union (Jaccard 1912) of one class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_scsam.metrics.counts import Counts, ratio


@dataclass(frozen=True)
class Overlap(Counts):
    """Pixel counts of one class; they add up over slices."""

    both: int = 0
    predicted: int = 0
    truth: int = 0

    @property
    def dice(self) -> float:
        """``2·|P∩T| / (|P|+|T|)``; NaN when the class occurs in neither."""
        return float(dice(astuple(self)))

    @property
    def iou(self) -> float:
        """``|P∩T| / |P∪T|``; NaN when the class occurs in neither."""
        return float(iou(astuple(self)))


def dice(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the Dice of many overlaps, …×3 numbers in the order of `Overlap`'s fields."""
    both, predicted, truth = np.moveaxis(np.asarray(counts), -1, 0)
    return ratio(2 * both, predicted + truth)


def iou(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the IoU of many overlaps, as `dice` does."""
    both, predicted, truth = np.moveaxis(np.asarray(counts), -1, 0)
    return ratio(both, predicted + truth - both)


def overlaps(
    predicted: NDArray[Any], truth: NDArray[Any], ids: Iterable[int]
) -> dict[int, Overlap]:
    """Count the agreement of two label images of one shape, for each class id.

    Values must not be negative; other values than the ids are ignored.
    """
    ids = list(ids)
    areas = (predicted[predicted == truth], predicted, truth)
    both, ours, theirs = (
        np.bincount(a.ravel().astype(np.int64), minlength=1 + max(ids, default=0)) for a in areas
    )
    return {i: Overlap(int(both[i]), int(ours[i]), int(theirs[i])) for i in ids}
