"""How far a class that strokes taught believes what the network finds of other classes.

The network knows nothing of the class, so it gives its pixels to others. Strokes tell how many,
and by Bayes' rule how much of another class is the taught one. The network is wrong where either is
most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec
from napari_scsam.infer.taught.lessons import Flags

MOSTLY = 0.75
"""Doubt above which the network counts less."""

Doubts = dict[str, float]
"""How sure it is that the network is wrong where it finds another class, 0 to 1, by its name."""

NetworkRows = NDArray[np.unsignedinteger]
"""The row of the network's best class at each pixel, from 1; 0 is background."""


def measure_doubts(
    rows: NetworkRows, strokes: Flags, share: float, others: Sequence[ClassSpec]
) -> Doubts:
    """Compute how much of the taught class is given to each other one, or the reverse if more.

    The reverse is P(taught | other) = P(other | taught) P(taught) / P(other), all on one slice.

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
    reverse = np.minimum(1, under * share / np.maximum(everywhere, 1 / rows.size))
    found = np.maximum(under, reverse)
    return {c.name: float(part) for c, part in zip(others, found, strict=True)}


def _shares(rows: NetworkRows, count: int) -> NDArray[np.float64]:
    return np.bincount(rows, minlength=count + 1)[1:] / len(rows)


def belief_in(name: str, by_slice: Iterable[Doubts]) -> float:
    """Return how much the network's probability of another class counts, 0 to 1.

    It counts in full unless the doubt is above `MOSTLY`: a few strokes that tell of less are not
    evidence.

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
