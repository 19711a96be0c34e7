"""How far a class that strokes taught believes what the network finds of other classes.

The network knows nothing of the class, so it gives its pixels to others. Strokes tell how many, and
the answer that they taught tells how much of another class is the taught one. The network is wrong where either is
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

FEW = 20
"""Cells of a class that count as much as what strokes say of it."""

Doubts = dict[str, float]
"""How sure it is that the network is wrong where it finds another class, 0 to 1, by its name."""

NetworkRows = NDArray[np.unsignedinteger]
"""The row of the network's best class at each pixel, from 1; 0 is background."""


def measure_doubts(
    strokes: NetworkRows, cells: NetworkRows, found: Flags, others: Sequence[ClassSpec]
) -> Doubts:
    """Compute how much of the taught class is given to each other one, or the reverse if more.

    The reverse is P(taught | other) = P(other | taught) P(taught) / P(other), all on one slice. It
    is also counted on cells of the slice, and the larger one is taken: strokes are few, and two of
    them can lie where the network happens to find half of a class.

    Parameters
    ----------
    strokes
        By the rows of `others`, at pixels that are a fair sample of the taught class.
    cells
        The same at N cells, spread over one slice.
    found
        N, whether the taught class is found there.
    others
        The network's other classes.
    """
    under = _counts(strokes, len(others)) / len(strokes)
    everywhere = _counts(cells, len(others))
    taken = _counts(cells[found], len(others))
    reverse = np.minimum(1, under * found.sum() / np.maximum(everywhere, 1))
    counted = (taken + FEW * reverse) / (everywhere + FEW)
    doubts = np.maximum.reduce([under, reverse, counted])
    return {c.name: float(part) for c, part in zip(others, doubts, strict=True)}


def _counts(rows: NetworkRows, count: int) -> NDArray[np.intp]:
    return np.bincount(rows, minlength=count + 1)[1:]


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
