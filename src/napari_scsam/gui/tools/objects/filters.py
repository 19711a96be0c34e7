"""Which objects the table shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZE_UNITS = {"volume_um3": "µm³", "area_um2": "µm²", "voxels": "voxels"}
"""Columns of the size of an object, the best first, and their units."""


@dataclass(frozen=True)
class Filters:
    """What an object must be to be shown."""

    class_name: str = ""
    """Its class; empty for every class."""
    smallest: float = 0.0
    """In the unit of `size_column`."""
    largest: float = inf
    at_border: bool | None = None
    """Whether the border of the volume cuts it; None for both."""
    reviewed: bool | None = None
    """Whether a person has checked it; None for both."""

    def mask(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """Return which rows pass."""
        count = len(next(iter(columns.values()), ()))
        passed = np.ones(count, bool)
        if not count:
            return passed
        if self.class_name:
            passed &= columns["class"] == self.class_name
        size = columns[size_column(columns)]
        passed &= (size >= self.smallest) & (size <= self.largest)
        if self.at_border is not None:
            passed &= columns["touches_border"] == self.at_border
        if self.reviewed is not None:
            passed &= columns["reviewed"] == self.reviewed
        return passed


def size_column(columns: Mapping[str, NDArray[Any]]) -> str:
    """Return the column that sizes are filtered by."""
    return next((key for key in SIZE_UNITS if key in columns), "voxels")
