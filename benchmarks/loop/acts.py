"""Acts that correct the mask of one class on one slice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from benchmarks.loop.prices import Prices
from benchmarks.loop.regions import Mask, Place, Region, regions


@dataclass(frozen=True, eq=False)
class Act:
    """Something that an annotator may do; afterwards some pixels have one value."""

    kind: str
    """``"stroke"``, ``"outline"`` or ``"delete"``."""
    seconds: float
    place: Place
    where: Mask
    """The pixels that change, on the rectangle `place`."""
    value: bool
    """Whether they are in the class afterwards."""

    def gain(self, current: Mask, truth: Mask) -> int:
        """Return by how many wrong pixels there are fewer afterwards; negative if there are more."""
        changed = self.where & (current[self.place] != self.value)
        right = truth[self.place] == self.value
        return int((changed & right).sum()) - int((changed & ~right).sum())

    def apply(self, current: Mask) -> None:
        """Change a mask in place."""
        current[self.place][self.where] = self.value


def possible_acts(
    current: Mask, truth: Mask, objects: list[Region], prices: Prices
) -> Iterator[Act]:
    """Return the acts that an annotator may consider.

    Parameters
    ----------
    current
        Y×X, what is labelled now.
    truth
        Y×X, what should be.
    objects
        Those of the truth.
    prices
        Seconds of each act.
    """
    yield from strokes(truth & ~current, truth, prices, value=True)
    yield from strokes(current & ~truth, truth, prices, value=False)
    for found in regions(current, truth):
        yield Act("delete", prices.delete, found.place, found.mask, value=False)
    for target in objects:
        yield outline(target, prices)


def strokes(wrong: Mask, truth: Mask, prices: Prices, *, value: bool) -> Iterator[Act]:
    """Return a stroke of the brush or the eraser for each region that is wrong."""
    for region in regions(wrong, truth):
        seconds = prices.stroke_of(region)
        yield Act("stroke", seconds, region.place, region.mask, value=value)


def outline(target: Region, prices: Prices) -> Act:
    """Return the act of outlining a whole object, and filling it."""
    seconds = prices.outline_of(target)
    return Act("outline", seconds, target.place, target.mask, value=True)


def dice(current: Mask, truth: Mask) -> float:
    """Return the Dice of two masks; 1 when both are empty."""
    total = int(current.sum()) + int(truth.sum())
    if not total:
        return 1.0
    return 2 * int(np.count_nonzero(current & truth)) / total
