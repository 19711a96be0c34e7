"""Object F1 and panoptic quality (Kirillov et al. 2019) of one class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import csr_array

from napari_scsam.metrics.counts import Counts, ratio

EIGHT_NEIGHBOURS = np.ones((3, 3), bool)
"""Pixels that share a corner belong to one object."""

MATCH = 0.5
"""Objects match above this IoU, where no object can match two others (Kirillov et al. 2019)."""


@dataclass(frozen=True)
class ObjectMatch(Counts):
    """Objects of one class; they add up over slices."""

    matched: int = 0
    predicted: int = 0
    truth: int = 0
    iou: float = 0.0
    """Sum over the matched pairs."""

    @property
    def f1(self) -> float:
        """``TP / (TP + FP/2 + FN/2)``, the recognition quality; NaN when there is no object."""
        return float(ratio(2 * self.matched, self.predicted + self.truth))

    @property
    def pq(self) -> float:
        """Panoptic quality: F1 times the mean IoU of the matched; NaN when there is no object."""
        return float(ratio(2 * self.iou, self.predicted + self.truth))


def object_match(
    predicted: NDArray[np.bool_], truth: NDArray[np.bool_], smallest: int = 1
) -> ObjectMatch:
    """Pair the connected objects of two Y×X masks that overlap by an IoU above one half.

    Objects of fewer pixels than `smallest` are left out of both: labels of
    real data hold specks, more of them than organelles, that nobody meant.
    """
    (ours, our_areas), (theirs, their_areas) = (
        numbered(mask, smallest) for mask in (predicted, truth)
    )
    both = (ours > 0) & (theirs > 0)
    pairs = np.ones(int(both.sum()), np.int64), (ours[both] - 1, theirs[both] - 1)
    shared = csr_array(
        pairs, shape=(len(our_areas), len(their_areas))
    ).tocoo()  # pixels of a pair are summed on the way
    ious = shared.data / (our_areas[shared.row] + their_areas[shared.col] - shared.data)
    matches = ious[ious > MATCH]
    return ObjectMatch(len(matches), len(our_areas), len(their_areas), float(matches.sum()))


def numbered(mask: NDArray[np.bool_], smallest: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the connected objects of a Y×X mask numbers from 1 on, 0 elsewhere, and count the pixels of each."""
    found, _ = ndimage.label(mask, EIGHT_NEIGHBOURS)
    areas = np.bincount(found.ravel())
    kept = areas >= smallest
    kept[0] = False
    return (np.cumsum(kept) * kept)[found], areas[kept]
