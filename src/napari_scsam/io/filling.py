"""Find the filling of a slice: flat areas at its border that are not tissue.

Alignment turns and shifts slices, and fills what is then empty with one value, such as 0 or 255.
Missing slices are filled wholly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

BORDER_SHARE = 0.05
"""Share of the pixels at the border of a slice that a filling has at least."""

AREA_SHARE = 0.001
"""Share of the slice that each connected part of a filling has at least."""

LEAST_SHARE = 0.01
"""Share of a slice that its filling has at least; less does not change the contrast."""

MOST_VALUES = 2
"""Fillings of one slice; a slice that is flat in more values is drawn, or has few grey values."""


def find_filling(plane: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which pixels of a slice (Y, X) are filling.

    These are connected pixels of exactly one value, at the border. Saturated tissue elsewhere does
    not count.
    """
    none = np.zeros(plane.shape, bool)
    found = none.copy()
    values = border_values(plane)
    if not 0 < len(values) <= MOST_VALUES:
        return none
    for value in values:
        found |= flat_at_border(plane == value)
    if np.count_nonzero(found) < LEAST_SHARE * plane.size:
        return none
    return found


def border_values(plane: NDArray[Any]) -> list[Any]:
    """Return the values that many pixels at the border of a slice have."""
    border = np.concatenate([plane[0], plane[-1], plane[1:-1, 0], plane[1:-1, -1]])
    values, counts = np.unique(border, return_counts=True)
    flat = [value for value in values[counts >= BORDER_SHARE * border.size] if np.isfinite(value)]
    return [value for value in flat if flat_at_border(plane == value).any()]


def flat_at_border(same: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the large connected parts of a mask that touch the border."""
    numbers, count = scipy.ndimage.label(same)
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)
    at_border = np.zeros(count + 1, bool)
    for edge in (numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]):
        at_border[edge] = True
    large = at_border & (sizes >= AREA_SHARE * same.size)
    large[0] = False
    chosen: NDArray[np.bool_] = large[numbers]
    return chosen
