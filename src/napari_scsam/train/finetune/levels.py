"""How sure the model must be of a pixel, and of a whole section, to find a class there.

Both levels are chosen by held-out regions, from few candidates. The mildest one is taken that
is not clearly worse than the best, by the standard error of their difference (after the rule of one
standard error, Breiman et al. 1984, "Classification and Regression Trees"). What the choice gains is then measured on
regions that it did not see: it is repeated without each region (Stone 1974, "Cross-validatory
choice").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_scsam.train.finetune.region_counts import RegionCounts, jackknife_error


@dataclass(frozen=True)
class ClassLevels:
    """Two levels of a class."""

    shift: float = 0.0
    """Change of the thresholds of the class and its parts, in calibrated logits."""
    least_mean: float = 0.0
    """`ClassSpec.least_mean`: the mean logit that a whole section must have."""


LEVELS = (
    ClassLevels(),
    ClassLevels(least_mean=0.5),
    ClassLevels(shift=0.5),
    ClassLevels(shift=-0.5),
    ClassLevels(least_mean=1.0),
    ClassLevels(shift=1.0),
    ClassLevels(shift=-1.0),
    ClassLevels(least_mean=1.5),
)
"""Levels to choose from, the mildest first."""


CLEARLY = 1.1
"""Standard errors of a difference that is not chance. One region that differs makes it 1."""


def mildest(counts: RegionCounts) -> int:
    """Choose among candidates: the first that is hardly worse than the best.

    Parameters
    ----------
    counts
        Of C candidates and one class: C×1×R.
    """
    dice = counts.dice()[:, 0]
    best = int(dice.argmax())
    without_each = counts.dice_without_each()[:, 0]
    for number, each in enumerate(dice):
        error = jackknife_error(without_each[best] - without_each[number])
        if dice[best] - each <= CLEARLY * error:
            return number
    return best


def cross_validated(counts: RegionCounts) -> RegionCounts:
    """Return what `mildest` finds on each region when it chooses by the others: 1×R.

    Parameters
    ----------
    counts
        Of C candidates and one class: C×1×R.
    """
    regions = range(counts.regions)
    chosen = [mildest(counts.without(region)) for region in regions]
    found = counts.found[chosen, 0, regions][None]
    both = counts.both[chosen, 0, regions][None]
    return RegionCounts(found, both, counts.truth)


def joined_counts(counts: list[RegionCounts]) -> RegionCounts:
    """Join the counts of several classes, each 1×R."""
    parts = ((each.found, each.both, each.truth) for each in counts)
    found, both, truth = (np.concatenate(part) for part in zip(*parts, strict=True))
    return RegionCounts(found, both, truth)
