"""Counts that add up over slices, and ratios of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import reduce
from operator import add
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Counts:
    """Counts of one class; the fields of a subclass are numbers or arrays that add up."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


C = TypeVar("C", bound=Counts)


def pooled(counts: Iterable[C]) -> C:
    """Add up the counts of one or more slices."""
    return reduce(add, counts)


def ratio(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    """Divide; NaN where the whole is 0."""
    whole = np.asarray(whole, float)
    quotient: NDArray[np.float64] = np.divide(
        part, whole, out=np.full(whole.shape, np.nan), where=whole > 0
    )
    return quotient


def mean(values: Iterable[Any]) -> float:
    """Return the mean of the values that are not NaN; NaN when there are none."""
    numbers = [v for v in values if not math.isnan(v)]
    if not numbers:
        return math.nan
    return float(sum(numbers) / len(numbers))
