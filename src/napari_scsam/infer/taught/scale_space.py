"""Filters that see a slice at several scales, as trainable segmenters use them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FINE_CELL = 2
"""Model pixels to one cell: the grid of the detail features."""

SIGMAS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Widths of the Gaussians in cells. Larger ones made taught classes worse."""

FILTER_COUNT = 4 * len(SIGMAS)
"""Filters of a slice."""

FilterMaps = NDArray[np.float32]


def scale_space(grey: FilterMaps) -> FilterMaps:
    """Compute intensity, edges and texture of a slice at five scales.

    These are the features of scikit-image's `multiscale_basic_features`, which
    follow ilastik and Weka's trainable segmentation (Arganda-Carreras et al.
    2017). Derivatives are normalised by their scale (Lindeberg 1998).

    Parameters
    ----------
    grey
        Y×X grey values in 0..1, in model pixels.

    Returns
    -------
    filters
        20×⌈Y/2⌉×⌈X/2⌉: intensity, gradient, and both curvatures of each scale.
    """
    cells = halve(grey)
    return np.stack([each for sigma in SIGMAS for each in filters_at(cells, sigma)])


def halve(grey: FilterMaps) -> FilterMaps:
    """Average blocks of 2×2 pixels; the last row and column of odd sizes are repeated."""
    missing = [(0, size % FINE_CELL) for size in grey.shape]
    padded = np.pad(grey, missing, mode="edge").astype(np.float32, copy=False)
    rows = (padded[::FINE_CELL] + padded[1::FINE_CELL]) / 2
    return np.asarray((rows[:, ::FINE_CELL] + rows[:, 1::FINE_CELL]) / 2, np.float32)


def filters_at(cells: FilterMaps, sigma: float) -> Iterator[FilterMaps]:
    """Compute the four filters of one scale."""
    smooth = ndimage.gaussian_filter(cells, sigma)
    slope_y, slope_x = np.gradient(smooth)
    yy, yx = np.gradient(slope_y)
    xx = np.gradient(slope_x, axis=1)
    middle = (yy + xx) / 2
    spread = np.hypot((yy - xx) / 2, yx)
    yield smooth
    yield np.hypot(slope_y, slope_x) * np.float32(sigma)
    yield (middle + spread) * np.float32(sigma**2)
    yield (middle - spread) * np.float32(sigma**2)
