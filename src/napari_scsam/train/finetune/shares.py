"""Which share the parent has in the weights, and how sure the gain is."""

from __future__ import annotations

import math
from collections.abc import Mapping

from napari_scsam.train.finetune.region_counts import jackknife_error
from napari_scsam.train.finetune.validation import Validation

LEAST_AGREEMENT = 0.92
"""Mean agreement with the parent to keep, where any share of the parent keeps it."""


def choose_share(found: Mapping[float, Validation]) -> float:
    """Choose among shares, the preferred one first.

    Only shares that keep the agreement with the parent count. The first is taken that is at most
    one standard error worse than the best. Among others it is that of the best agreement.
    """
    keeping = [share for share, each in found.items() if each.held >= LEAST_AGREEMENT]
    if not keeping:
        return max(found, key=lambda share: found[share].held)
    best = max(keeping, key=lambda share: found[share].score)
    for share in keeping:
        error = gain_error(found[share], found[best])
        if found[best].score - found[share].score <= error:
            return share
    return best


def gain_error(before: Validation, after: Validation) -> float:
    """Compute the standard error of the gain in mean Dice, by regions.

    It is infinite where one region alone was held out.
    """
    if before.counts is None or after.counts is None:
        return math.inf
    gains = after.counts.dice_without_each() - before.counts.dice_without_each()
    shown = after.counts.truth.sum(1) > 0
    return jackknife_error(gains[shown].mean(0)) if shown.any() else math.inf


def preference(found: Validation) -> tuple[bool, float]:
    """Return what the choice among models goes by; larger is better."""
    keeps = found.held >= LEAST_AGREEMENT
    return keeps, found.score if keeps else found.held
