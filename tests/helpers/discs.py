"""Two bright discs to point at, and what tests of single objects do with them."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels

MIDDLE = 5
SHAPE = (11, 96, 128)
PLACE = {"scale": (5, 7.68, 10.24), "translate": (100, 50, 20), "units": ("nm",) * 3}


def discs() -> np.ndarray:
    """Two discs: one on slices 2 to 8, one on all."""
    z, y, x = np.mgrid[:11, :96, :128]
    one = (np.hypot(y - 30 - 2 * (z - MIDDLE), x - 40) <= 11) & (abs(z - MIDDLE) <= 3)
    other = np.hypot(y - 60, x - 95) <= 14
    return np.where(one | other, 220, 20).astype(np.uint8)


DISCS = discs()
ONE = (DISCS > 100) & (np.arange(128) < 70)


def labels_of(one) -> Labels:
    """Return the labels layer that results go into."""
    (found,) = [
        layer
        for layer in one.viewer.layers
        if isinstance(layer, Labels) and layer.name.endswith("organelles")
    ]
    return found


def point(one, *where) -> None:
    """Draw a point, as a click does."""
    one.prompting.layers.points.add(where)
