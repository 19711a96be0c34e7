"""Expected calibration error (Naeini et al. 2015, Guo et al. 2017).

It is computed class by class, as in Kull et al. 2019.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.metrics.counts import Counts, ratio

BINS = 15
"""Number of bins of equal width, from 0 to 1 (Guo et al. 2017)."""


def _zeros() -> NDArray[np.float64]:
    return np.zeros(BINS)


@dataclass(frozen=True, eq=False)
class Calibration(Counts):
    """Pixels binned by the probability of a class; they add up over slices."""

    pixels: NDArray[Any] = field(default_factory=_zeros)
    """Number in each bin."""
    confidence: NDArray[Any] = field(default_factory=_zeros)
    """Sum of the probabilities in each bin."""
    hits: NDArray[Any] = field(default_factory=_zeros)
    """Pixels in each bin that are of the class."""

    @property
    def error(self) -> float:
        """Mean over pixels of ``|hits − confidence|`` of their bin, 0 to 1; NaN without pixels."""
        return float(ratio(np.abs(self.hits - self.confidence).sum(), self.pixels.sum()))


def calibration(probability: NDArray[np.floating], truth: NDArray[np.bool_]) -> Calibration:
    """Sort the pixels of a slice into bins, one class against the rest.

    Parameters
    ----------
    probability
        Y×X in 0..1, of one class.
    truth
        Y×X, whether a pixel is of that class.
    """
    bins = np.minimum((probability * BINS).astype(np.intp), BINS - 1)
    return Calibration(
        np.bincount(bins.ravel(), minlength=BINS),
        np.bincount(bins.ravel(), probability.ravel(), BINS),
        np.bincount(bins[truth], minlength=BINS),
    )
