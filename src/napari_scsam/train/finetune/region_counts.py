"""Dice over several regions, and how far it would differ on other regions.

The error is that of the jackknife: one region after the other is left out (Efron and Tibshirani
1993, "An Introduction to the Bootstrap", chapter 11).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_scsam.train.finetune.known_labels import UNKNOWN


@dataclass(frozen=True, eq=False)
class RegionCounts:
    """Pixels of N classes on R regions."""

    found: NDArray[np.int64]
    """…×N×R, pixels of the answer."""
    both: NDArray[np.int64]
    """…×N×R, pixels of the answer that are true."""
    truth: NDArray[np.int64]
    """N×R, true pixels."""

    @property
    def regions(self) -> int:
        """R."""
        return int(self.truth.shape[-1])

    def dice(self) -> NDArray[np.float64]:
        """Compute the Dice over all regions together: …×N, 0 where there is nothing."""
        return dice_of(self.found.sum(-1), self.both.sum(-1), self.truth.sum(-1))

    def dice_without_each(self) -> NDArray[np.float64]:
        """Compute the Dice over all regions but one, for each of them: …×N×R."""
        found, both, truth = (
            counts.sum(-1, keepdims=True) - counts for counts in (self.found, self.both, self.truth)
        )
        return dice_of(found, both, truth)

    def without(self, region: int) -> RegionCounts:
        """Return the counts of all regions but one."""
        found, both, truth = (
            np.delete(counts, region, axis=-1) for counts in (self.found, self.both, self.truth)
        )
        return RegionCounts(found, both, truth)

    def of_class(self, row: int) -> RegionCounts:
        """Return the counts of one class, as of a table of one."""
        kept = slice(row, row + 1)
        return RegionCounts(self.found[..., kept, :], self.both[..., kept, :], self.truth[kept])


def dice_of(
    found: NDArray[np.int64], both: NDArray[np.int64], truth: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Compute Dice from pixel counts; 0 where nothing is found and nothing is true."""
    dice: NDArray[np.float64] = 2 * both / np.maximum(1, found + truth)
    return dice


def jackknife_error(without_each: NDArray[np.float64]) -> float:
    """Compute the standard error of a figure, given R values that each leave one region out.

    It is infinite for fewer than two regions, which tell nothing of others.
    """
    count = len(without_each)
    if count < 2:
        return math.inf
    return math.sqrt((count - 1) * float(np.var(without_each)))


def count_regions(
    answers: Sequence[NDArray[np.uint8]],
    targets: Sequence[NDArray[np.uint8]],
    regions: Sequence[Hashable],
    classes: int,
) -> RegionCounts:
    """Count pixels by region.

    Parameters
    ----------
    answers, targets
        Y×X of each crop: 0 or a class from 1. Pixels whose target is `UNKNOWN` do not count.
    regions
        The region of each crop; crops of one region are counted together.
    classes
        N.
    """
    order = {region: number for number, region in enumerate(dict.fromkeys(regions))}
    found, both, truth = np.zeros((3, classes, len(order)), np.int64)
    for answer, target, region in zip(answers, targets, regions, strict=True):
        known = target != UNKNOWN
        column = order[region]
        found[:, column] += count_classes(answer[known], classes)
        truth[:, column] += count_classes(target[known], classes)
        both[:, column] += count_classes(target[known & (answer == target)], classes)
    return RegionCounts(found, both, truth)


def count_classes(values: NDArray[np.uint8], classes: int) -> NDArray[np.intp]:
    """Count the pixels of classes 1 to N."""
    return np.bincount(values.ravel(), minlength=classes + 1)[1 : classes + 1]
