"""Sections of a class on crops: how sure the model is of each, and how much of it is right.

A false find is often a whole section of which the model is not sure. Raising the threshold until it
is gone spoils the true ones. So a class has two levels: its threshold, for pixels, and
`ClassSpec.least_mean`, for whole sections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_scsam.objects.components import label_components, mean_in_components
from napari_scsam.train.finetune.known_labels import UNKNOWN, KnownClass

SHIFTS = (0.0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 1.0, -1.0, 1.25, 1.5, 2.0)
"""Changes of a labelled class's thresholds to choose from, smallest first, in calibrated logits."""

LEAST_MEANS = tuple(0.25 * number for number in range(10))
"""Least mean logits of sections to choose from; the last only shows what lies beyond the others."""

SLACK = 0.002
"""Dice that the smaller of two changes may cost."""


@dataclass
class Sections:
    """Sections that one class was found in, and its true pixels."""

    means: list[NDArray[np.float64]] = field(default_factory=list)
    """Mean logit of each above the threshold."""
    sizes: list[NDArray[np.intp]] = field(default_factory=list)
    """Pixels of each that are known."""
    hits: list[NDArray[np.intp]] = field(default_factory=list)
    """Pixels of each that are true."""
    truth: int = 0

    def add(
        self,
        mask: NDArray[np.bool_],
        margin: NDArray[np.float32],
        targets: NDArray[np.uint8],
        own: int,
    ) -> None:
        """Add the sections of one crop.

        Parameters
        ----------
        mask
            Y×X, where the class was found.
        margin
            Y×X logits above the threshold.
        targets
            Y×X, from `known_targets`.
        own
            The target of the class.
        """
        numbers = label_components(mask).ravel()
        all_pixels = np.bincount(numbers)
        means = np.bincount(numbers, margin.ravel()) / np.maximum(all_pixels, 1)
        self.means.append(means[1:])
        self.sizes.append(np.bincount(numbers, targets.ravel() != UNKNOWN)[1:].astype(np.intp))
        self.hits.append(np.bincount(numbers, targets.ravel() == own)[1:].astype(np.intp))
        self.truth += int((targets == own).sum())

    def dice(self, least: float) -> float:
        """Return the Dice when sections with a mean below `least` are removed."""
        kept = np.concatenate(self.means) >= least
        found = np.concatenate(self.sizes)[kept].sum()
        hits = np.concatenate(self.hits)[kept].sum()
        return float(2 * hits / max(1, found + self.truth))


def best_levels(shifts: Sequence[Sections]) -> tuple[float, float]:
    """Choose a change of the threshold, and the least mean of a section.

    A level is rated by the mean of its Dice and that of the next stricter one. So none is chosen
    next to a fall. The smallest of nearly equal changes is taken.

    Parameters
    ----------
    shifts
        What was found with each of `SHIFTS`.
    """
    dice = np.array([[each.dice(least) for least in LEAST_MEANS] for each in shifts])
    worth = (dice[:, :-1] + dice[:, 1:]) / 2
    enough = worth.max() - SLACK
    for column, row in product(range(worth.shape[1]), range(len(shifts))):
        if worth[row, column] >= enough:
            return SHIFTS[row], LEAST_MEANS[column]
    raise ValueError(shifts)  # some is the best


def without_doubtful(
    rows: Tensor, margins: Tensor, known: Sequence[KnownClass], least_means: Sequence[float]
) -> Tensor:
    """Remove sections of which the model is too little sure.

    Parameters
    ----------
    rows
        B×H×W class rows, from 1; 0 for none.
    margins
        B×H×W logits above the thresholds.
    known
        Labelled classes.
    least_means
        Of each of them.
    """
    if not any(least_means):
        return rows
    kept = rows.cpu().numpy().copy()
    values = margins.cpu().numpy()
    for each, least in zip(known, least_means, strict=True):
        for found, margin in zip(kept, values, strict=True):
            mask = np.isin(found, np.array(each.rows) + 1)
            found[mask & (mean_in_components(mask, margin) < least)] = 0
    return torch.from_numpy(kept).to(rows.device)
