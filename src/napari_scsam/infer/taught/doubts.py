"""How far a class that strokes taught believes what the network finds of other classes.

The network knows nothing of the class, so it gives its pixels to others. Strokes tell how often,
and by Bayes' rule how much of another class is the taught one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec
from napari_scsam.infer.taught.lessons import Flags

MOSTLY = 0.75
"""Share of another class that must be the taught one before the network counts less there."""

Doubts = dict[str, float]
"""Share of what the network gives to another class that is the taught one, by the other's name."""

NetworkRows = NDArray[np.unsignedinteger]
"""The row of the network's best class at each pixel, from 1; 0 is background."""


def measure_doubts(
    rows: NetworkRows, strokes: Flags, share: float, others: Sequence[ClassSpec]
) -> Doubts:
    """Compute how much of each other class is the taught one.

    P(taught | other) = P(other | taught) P(taught) / P(other), all on one slice.

    Parameters
    ----------
    rows
        Y×X, by the rows of `others`.
    strokes
        Y×X, pixels that are a fair sample of the taught class.
    share
        Of the slice that the taught class has, 0 to 1.
    others
        The network's other classes.
    """
    under = _shares(rows[strokes], len(others))
    everywhere = _shares(rows.ravel(), len(others))
    found = np.minimum(1, under * share / np.maximum(everywhere, 1 / rows.size))
    return {c.name: float(part) for c, part in zip(others, found, strict=True)}


def _shares(rows: NetworkRows, count: int) -> NDArray[np.float64]:
    return np.bincount(rows, minlength=count + 1)[1:] / len(rows)


def belief_in(name: str, by_slice: Iterable[Doubts]) -> float:
    """Return how much the network's probability of another class counts, 0 to 1.

    It counts in full unless more than `MOSTLY` of what the network gives to it is the taught
    class: where a few strokes alone tell, less than that is no evidence.

    Parameters
    ----------
    name
        Of the other class.
    by_slice
        The doubts that strokes on each slice raised.
    """
    shares = [each.get(name, 0.0) for each in by_slice if each]
    doubt = sum(shares) / max(1, len(shares))
    return min(1.0, (1 - doubt) / (1 - MOSTLY))
