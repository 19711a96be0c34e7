"""What a tuned model has gained, by held-out labels, and lost, by its parent's answers.

Both are judged by what segmenting would write: with the same tiles, and the same rules for parts
and for small regions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_scsam.config import ClassSpec
from napari_scsam.infer.device import precision
from napari_scsam.infer.postprocess import PixelSize, label_map
from napari_scsam.model import ScSAM
from napari_scsam.model.tuned_path import TunedPath
from napari_scsam.train.finetune.held_out import HeldOutRegion
from napari_scsam.train.finetune.known_labels import UNKNOWN, KnownClass
from napari_scsam.train.finetune.levels import (
    LEVELS,
    ClassLevels,
    cross_validated,
    joined_counts,
    mildest,
)
from napari_scsam.train.finetune.region_counts import RegionCounts, count_regions
from napari_scsam.train.finetune.review_crops import CropMemory, ReviewCrops
from napari_scsam.train.finetune.tuned_weights import tuned_answer

BATCH = 4
"""Crops decoded at once."""

OFTEN = 0.002
"""Share of the replayed pixels that the parent gives to a class whose agreement is judged."""


@dataclass(frozen=True, eq=False)
class Validation:
    """How a model does on remembered crops."""

    dice: Mapping[str, float]
    """Of each labelled class that occurs on held-out crops, by their labels. What was chosen by
    held-out labels was chosen without the region that is scored."""
    agreement: Mapping[str, float]
    """Of each other class that the parent finds often on replayed crops: Dice with its answer."""
    counts: RegionCounts | None = None
    """Of the labelled classes on held-out regions, from which the Dice is."""
    levels: tuple[ClassLevels, ...] = ()
    """Of each labelled class; as they were when there are none."""

    @property
    def score(self) -> float:
        """Mean Dice of the labelled classes; 0 when none occurs."""
        return fmean(self.dice.values()) if self.dice else 0.0

    @property
    def held(self) -> float:
        """Mean agreement; 1 when the parent finds nothing."""
        return fmean(self.agreement.values()) if self.agreement else 1.0


@dataclass(frozen=True, eq=False)
class Judge:
    """Validates tuned copies by crops that they do not learn from."""

    model: ScSAM
    """Has all labelled classes."""
    parent: ScSAM
    held_out: CropMemory
    pieces: Sequence[HeldOutRegion]
    """The region of each held-out crop. Those of one place on several slices count as one."""
    replayed: CropMemory
    known: Sequence[KnownClass]
    """Labelled classes, by the class table of the tuned model."""
    pixel_size: PixelSize | None = None
    """(y, x) of the crops in nm, if it is known."""

    def before(self) -> Validation:
        """Score the parent as it is; the Dice of a class that it lacks is 0."""
        wholes = whole_classes(self.parent.classes, self.known)
        answers = [
            self.covered(self.rows_by_parent(each, wholes)) for each in batches(self.held_out)
        ]
        return self.scored(self.count(np.concatenate(answers)), {})

    def validate(self, path: TunedPath) -> Validation:
        """Score a copy with the parent's levels."""
        counts = self.count(self.answers(self.decode(path)))
        return self.scored(counts, self.agreement(path))

    def fit_levels(self, path: TunedPath) -> Validation:
        """Choose levels of the labelled classes, and score a copy with these.

        Other thresholds and the temperature stay the parent's: the labels cannot judge them.
        """
        logits = self.decode(path)
        tried = [self.count(self.answers(logits, [each] * len(self.known))) for each in LEVELS]
        found = [stacked([each.of_class(row) for each in tried]) for row in range(len(self.known))]
        levels = [LEVELS[mildest(each)] for each in found]
        counts = joined_counts([cross_validated(each) for each in found])
        return self.scored(counts, self.agreement(path, levels), tuple(levels))

    def decode(self, path: TunedPath) -> list[Tensor]:
        """Return the logits of all held-out crops, in halves, as they are kept for a while."""
        return [logits.half() for _, logits in decoded(self.model, path, self.held_out)]

    def answers(
        self, logits: Sequence[Tensor], levels: Sequence[ClassLevels] = ()
    ) -> NDArray[np.uint8]:
        """Return the labelled classes that are found: B×side×side, from 1, 0 for none."""
        classes = with_levels(self.model.classes, self.known, levels)
        thresholds = shifted(self.model.thresholds, self.known, levels)
        wholes = whole_classes(classes, self.known)
        rows = [
            found_rows(each.float(), thresholds, classes, self.pixel_size, wholes)
            for each in logits
        ]
        return self.covered(np.concatenate(rows))

    def covered(self, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn class rows into the labelled classes that cover them; both count from 1."""
        return covering(rows, self.known, len(self.model.classes))

    def count(self, answers: NDArray[np.uint8]) -> RegionCounts:
        """Count the pixels of answers to all held-out crops."""
        targets = [crop.targets[0].cpu().numpy() for crop in self.held_out.crops]
        regions = [(piece.window[0].start, piece.window[1].start) for piece in self.pieces]
        return count_regions(list(answers), targets, regions, len(self.known))

    def scored(
        self,
        counts: RegionCounts,
        agreement: Mapping[str, float],
        levels: tuple[ClassLevels, ...] = (),
    ) -> Validation:
        """Return a validation with the Dice of each labelled class that occurs."""
        shown = counts.truth.sum(1) > 0
        dice = {
            each.name: float(value)
            for each, value, there in zip(self.known, counts.dice(), shown, strict=True)
            if there
        }
        return Validation(dice, agreement, counts, levels)

    def agreement(self, path: TunedPath, levels: Sequence[ClassLevels] = ()) -> dict[str, float]:
        """Compare the answer with the parent's on replayed crops: Dice of each frequent class.

        A labelled class is left out: its answer is meant to change.
        """
        classes = with_levels(self.model.classes, self.known, levels)
        thresholds = shifted(self.model.thresholds, self.known, levels)
        agreed = OverlapCounter(len(self.parent.classes))
        for crops, logits in decoded(self.model, path, self.replayed):
            rows = found_rows(logits, thresholds, classes, self.pixel_size)
            agreed.add(rows, self.rows_by_parent(crops))
        names = [spec.name for spec in self.parent.classes]
        labelled = {row for each in self.known for row in each.rows}
        others = {name for row, name in enumerate(names) if row not in labelled}
        return {name: dice for name, dice in agreed.by_name(names, OFTEN).items() if name in others}

    def rows_by_parent(
        self, crops: ReviewCrops, requested: Sequence[ClassSpec] | None = None
    ) -> NDArray[np.uint8]:
        """Return the class rows that the parent finds, B×H×W; of all classes when none is named."""
        parent = self.parent
        logits = parent_logits(crops, parent)
        return found_rows(logits, parent.thresholds, parent.classes, self.pixel_size, requested)


class OverlapCounter:
    """Counts pixels of classes 1 to n in an answer, in the truth and in both."""

    def __init__(self, classes: int) -> None:
        self.both = np.zeros(classes + 1, np.int64)
        self.found = np.zeros(classes + 1, np.int64)
        self.truth = np.zeros(classes + 1, np.int64)

    def add(self, found: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
        """Count classes of one shape, 0 for none; pixels whose truth is `UNKNOWN` do not count."""
        counted = truth != UNKNOWN
        ours = found[counted]
        theirs = truth[counted]
        size = len(self.both)
        self.found += np.bincount(ours, minlength=size)[:size]
        self.truth += np.bincount(theirs, minlength=size)[:size]
        self.both += np.bincount(ours[ours == theirs], minlength=size)[:size]

    def by_name(self, names: Sequence[str], least: float = 0.0) -> dict[str, float]:
        """Return the Dice of each class that the truth shows.

        Parameters
        ----------
        names
            Of classes 1 to n.
        least
            Share of the counted pixels that a class must have.
        """
        dice = 2 * self.both / np.maximum(1, self.found + self.truth)
        bar = max(1.0, least * float(self.truth.sum()))
        shown = [n for n in range(1, len(names) + 1) if self.truth[n] >= bar]
        return {names[n - 1]: float(dice[n]) for n in shown}


def batches(memory: CropMemory) -> Iterator[ReviewCrops]:
    """Return all remembered crops, a few at a time."""
    for start in range(0, len(memory), BATCH):
        yield memory.batch(range(start, min(start + BATCH, len(memory))))


@torch.no_grad()
def decoded(
    model: ScSAM, path: TunedPath, memory: CropMemory
) -> Iterator[tuple[ReviewCrops, Tensor]]:
    """Decode remembered crops batch by batch; with them B×K×side×side calibrated logits."""
    for crops in batches(memory):
        with precision(memory.device):
            logits = tuned_answer(model, path, crops)
        yield crops, model.calibrated(logits.float())


def parent_logits(crops: ReviewCrops, parent: ScSAM) -> Tensor:
    """Return the parent's calibrated logits of its own classes."""
    return parent.calibrated(crops.parent[:, : len(parent.classes)])


def found_rows(
    logits: Tensor,
    thresholds: Tensor,
    classes: Sequence[ClassSpec],
    pixel_size: PixelSize | None,
    requested: Sequence[ClassSpec] | None = None,
) -> NDArray[np.uint8]:
    """Return the classes that segmenting finds, as rows of the class table.

    Parameters
    ----------
    logits
        B×K×H×W, calibrated.
    thresholds, classes
        Of the K classes.
    pixel_size
        (y, x) in nm, if it is known.
    requested
        Those to find; all when not given.

    Returns
    -------
    rows
        B×H×W, from 1; 0 for none.
    """
    above = (logits - thresholds.view(-1, 1, 1)).cpu().numpy()
    row_of = np.zeros(1 + max(spec.id for spec in classes), np.uint8)
    row_of[[spec.id for spec in classes]] = np.arange(1, len(classes) + 1)
    wanted = classes if requested is None else requested
    return np.stack([row_of[label_map(each, classes, wanted, pixel_size)] for each in above])


def whole_classes(
    classes: Sequence[ClassSpec], known: Sequence[KnownClass]
) -> tuple[ClassSpec, ...]:
    """Return the classes of a table without those that labels draw as a part of another one."""
    parts = {row for each in known for row in (*each.rows[1:], *each.apart)}
    return tuple(spec for row, spec in enumerate(classes) if row not in parts)


def covering(rows: NDArray[np.uint8], known: Sequence[KnownClass], count: int) -> NDArray[np.uint8]:
    """Turn class rows into the labelled classes that cover them; both count from 1, 0 is none."""
    table = np.zeros(count + 1, np.uint8)
    for number, each in enumerate(known, start=1):
        table[np.array(each.rows) + 1] = number
    return table[rows]


def shifted(
    thresholds: Tensor, known: Sequence[KnownClass], levels: Sequence[ClassLevels]
) -> Tensor:
    """Return K thresholds with those of labelled classes and their parts changed."""
    moved = thresholds.clone()
    for each, level in zip(known, levels, strict=False):
        moved[list(each.rows)] += level.shift
    return moved


def with_levels(
    classes: Sequence[ClassSpec], known: Sequence[KnownClass], levels: Sequence[ClassLevels]
) -> tuple[ClassSpec, ...]:
    """Return a class table in which labelled classes have at least their least means."""
    changed = list(classes)
    for each, level in zip(known, levels, strict=False):
        spec = changed[each.rows[0]]
        least = max(spec.least_mean, level.least_mean)
        changed[each.rows[0]] = replace(spec, least_mean=least)
    return tuple(changed)


def stacked(tried: Sequence[RegionCounts]) -> RegionCounts:
    """Join the counts of C candidates, which are of the same regions: C×N×R."""
    found = np.stack([each.found for each in tried])
    both = np.stack([each.both for each in tried])
    return RegionCounts(found, both, tried[0].truth)
