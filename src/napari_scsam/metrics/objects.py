"""Object F1 and panoptic quality (Kirillov et al. 2019) of one class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from napari_scsam.metrics.counts import Counts, ratio
from napari_scsam.objects.components import label_components

MATCH_IOU = 0.5
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
        """Recognition quality ``TP / (TP + FP/2 + FN/2)``; NaN without objects."""
        return float(ratio(2 * self.matched, self.predicted + self.truth))

    @property
    def pq(self) -> float:
        """Panoptic quality: F1 times the mean IoU of matched objects; NaN without objects."""
        return float(ratio(2 * self.iou, self.predicted + self.truth))


def object_match(
    predicted: NDArray[np.bool_], truth: NDArray[np.bool_], smallest: int = 1
) -> ObjectMatch:
    """Match the connected objects of two Y×X masks whose IoU is above one half.

    Parameters
    ----------
    predicted, truth
        Y×X.
    smallest
        Objects of fewer pixels are left out of both masks: labels of real data hold
        more accidental specks than organelles.
    """
    ours, _ = numbered(predicted, smallest)
    theirs, _ = numbered(truth, smallest)
    return match_numbered(ours, theirs)


def match_numbered(predicted: NDArray[np.integer], truth: NDArray[np.integer]) -> ObjectMatch:
    """Match objects that have numbers, in 2-D or 3-D, whose IoU is above one half.

    Parameters
    ----------
    predicted, truth
        Of one shape; 0 is background, and objects have dense numbers from 1 on.
    """
    our_areas, their_areas = (np.bincount(side.ravel())[1:] for side in (predicted, truth))
    both = (predicted > 0) & (truth > 0)
    pairs = (predicted[both] - 1, truth[both] - 1)
    ones = np.ones(int(both.sum()), np.int64)
    # The sparse array sums the pixels of each pair.
    shared = csr_array((ones, pairs), shape=(len(our_areas), len(their_areas))).tocoo()
    ious = shared.data / (our_areas[shared.row] + their_areas[shared.col] - shared.data)
    matches = ious[ious > MATCH_IOU]
    return ObjectMatch(len(matches), len(our_areas), len(their_areas), float(matches.sum()))


def numbered(mask: NDArray[np.bool_], smallest: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the connected objects of a Y×X mask, numbered from 1, and the pixels of each."""
    found = label_components(mask)
    areas = np.bincount(found.ravel()).astype(np.int64)
    kept = areas >= smallest
    kept[0] = False
    new_numbers = np.cumsum(kept, dtype=np.int64) * kept
    return new_numbers[found], areas[kept]
