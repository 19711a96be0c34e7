"""Bootstrap confidence intervals (Efron 1979): percentiles over draws with replacement."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

DRAWS = 1000
LEVEL = 0.95


def resamples(count: int, draws: int = DRAWS, seed: int = 0) -> NDArray[np.int64]:
    """Draw slices (or objects) with replacement.

    Returns
    -------
    times
        draws×count, how often each is in each draw. Its product with counts or values,
        count×…, is their sums over each draw.
    """
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)


def interval(drawn: ArrayLike, level: float = LEVEL) -> NDArray[np.float64]:
    """Return the interval that a score is in for most draws.

    Parameters
    ----------
    drawn
        draws×…; NaN in draws without anything to score, which are left out.
    level
        Share of the draws in the interval.

    Returns
    -------
    interval
        2×… low and high; NaN where every draw is NaN.
    """
    tail = 50 * (1 - level)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
        bounds: NDArray[np.float64] = np.nanpercentile(
            np.asarray(drawn, float), [tail, 100 - tail], axis=0
        )
    return bounds
