"""Confidence intervals by resampling (Efron 1979): percentiles over drawings with replacement."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

DRAWS = 1000
LEVEL = 0.95


def resamples(count: int, draws: int = DRAWS, seed: int = 0) -> NDArray[np.int64]:
    """Draw slices (or objects) with replacement: draws×count, how often each is in each drawing.

    Multiplied with counts or values, count×…, it gives their sums over each drawing.
    """
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)


def interval(drawn: ArrayLike, level: float = LEVEL) -> NDArray[np.float64]:
    """Find where a score lies in most drawings.

    Parameters
    ----------
    drawn
        draws×…; NaN in drawings that hold nothing to score, which are left out.
    level
        Share of the drawings to enclose.

    Returns
    -------
    interval
        2×… low and high; NaN where every drawing is NaN.
    """
    tail = 50 * (1 - level)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
        bounds: NDArray[np.float64] = np.nanpercentile(
            np.asarray(drawn, float), [tail, 100 - tail], axis=0
        )
    return bounds
