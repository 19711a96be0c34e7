"""Pairs of labels."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

LabelPairs: TypeAlias = NDArray[np.int64]
"""N × 2 labels."""


def distinct_pairs(pairs: LabelPairs) -> LabelPairs:
    """Return each pair once, sorted."""
    if len(pairs) < 2:
        return pairs
    low = pairs.min(axis=0)
    width = int(pairs[:, 1].max() - low[1]) + 1
    # One number for each pair, which NumPy sorts far faster than pairs.
    codes = np.sort((pairs[:, 0] - low[0]) * width + (pairs[:, 1] - low[1]))
    codes = codes[np.concatenate([[True], codes[1:] != codes[:-1]])]
    return np.stack([codes // width + low[0], codes % width + low[1]], axis=1)


def shortened(pairs: LabelPairs) -> LabelPairs:
    """Return pairs without those that repeat their predecessor, as most do."""
    if len(pairs) < 2:
        return pairs
    new = np.ones(len(pairs), bool)
    new[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    return pairs[new]
