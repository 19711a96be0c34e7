"""How well labels agree with the truth; knows neither torch nor files.

Dice (Dice 1945) and intersection over union (Jaccard 1912) are summed over
all slices before dividing, so that an empty slice does not count as perfect.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Overlap:
    """Pixel counts of one class; they add up over slices."""

    both: int = 0
    predicted: int = 0
    truth: int = 0

    def __add__(self, other: Overlap) -> Overlap:
        return Overlap(self.both + other.both, self.predicted + other.predicted, self.truth + other.truth)

    @property
    def dice(self) -> float:
        """``2·|P∩T| / (|P|+|T|)``; NaN when the class occurs in neither."""
        total = self.predicted + self.truth
        return 2 * self.both / total if total else float("nan")

    @property
    def iou(self) -> float:
        """``|P∩T| / |P∪T|``; NaN when the class occurs in neither."""
        union = self.predicted + self.truth - self.both
        return self.both / union if union else float("nan")


def overlaps(predicted: NDArray[Any], truth: NDArray[Any], ids: Iterable[int]) -> dict[int, Overlap]:
    """Count the agreement of two label images of one shape, for each class id.

    Values must not be negative; those that are no id are left out.
    """
    ids = list(ids)
    areas = (predicted[predicted == truth], predicted, truth)
    both, ours, theirs = (np.bincount(a.ravel().astype(np.int64), minlength=1 + max(ids, default=0)) for a in areas)
    return {i: Overlap(int(both[i]), int(ours[i]), int(theirs[i])) for i in ids}


def mean(values: Iterable[float]) -> float:
    """Mean of the values that are not NaN; NaN when there is none."""
    finite = [v for v in values if v == v]
    return sum(finite) / len(finite) if finite else float("nan")
