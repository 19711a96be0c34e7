"""What a tuned model has gained, by held-out labels, and lost, by its parent's answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from napari_scsam.infer.device import precision
from napari_scsam.model import ScSAM
from napari_scsam.model.tuned_path import TunedPath
from napari_scsam.train.finetune.known_labels import UNKNOWN, KnownClass
from napari_scsam.train.finetune.review_crops import CropMemory, ReviewCrops
from napari_scsam.train.finetune.sections import SHIFTS, Sections, best_levels, without_doubtful
from napari_scsam.train.finetune.tuned_weights import tuned_answer

BATCH = 4
"""Crops decoded at once."""

OFTEN = 0.002
"""Share of the replayed pixels that the parent gives to a class whose agreement is judged."""


@dataclass(frozen=True, eq=False)
class Validation:
    """How a model does on remembered crops."""

    dice: Mapping[str, float]
    """Of each labelled class that occurs on held-out crops, by their labels."""
    agreement: Mapping[str, float]
    """Of each other class that the parent finds often on replayed crops: Dice with its answer."""
    thresholds: Tensor | None = None
    """K, with which this was found."""
    least_means: tuple[float, ...] = ()
    """`ClassSpec.least_mean` of each labelled class, with which this was found."""

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
    replayed: CropMemory
    known: Sequence[KnownClass]
    """Labelled classes, by the class table of the tuned model."""
    thresholds: Tensor
    """K of the tuned model, to begin with."""

    def before(self) -> Validation:
        """Score the parent as it is; the Dice of a class that it lacks is 0."""
        dice = OverlapCounter(len(self.known))
        for crops in batches(self.held_out):
            found = self.rows_by_parent(crops)
            dice.add(covering(found, self.known, len(self.thresholds)), crops.targets)
        return Validation(dice.by_name([each.name for each in self.known]), {})

    def validate(self, path: TunedPath) -> Validation:
        """Fit thresholds and least means of labelled classes and their parts, and score with these.

        Other thresholds and the temperature stay the parent's: the labels cannot judge them.
        """
        # Halves, as they are kept until the thresholds are known.
        answers = [
            (crops.targets, logits.half())
            for crops, logits in decoded(self.model, path, self.held_out)
        ]
        thresholds = self.thresholds
        least_means: list[float] = []
        for number, each in enumerate(self.known, start=1):
            shift, least = best_levels([self.sections(answers, number, s) for s in SHIFTS])
            thresholds = shifted(thresholds, each, shift)
            least_means.append(least)
        chosen = OverlapCounter(len(self.known))
        for targets, logits in answers:
            rows = found_rows(logits.float(), thresholds, self.known, least_means)
            chosen.add(covering(rows, self.known, len(self.thresholds)), targets)
        names = [each.name for each in self.known]
        agreement = self.agreement(path, thresholds, least_means)
        return Validation(chosen.by_name(names), agreement, thresholds, tuple(least_means))

    def sections(
        self, answers: Sequence[tuple[Tensor, Tensor]], number: int, shift: float
    ) -> Sections:
        """Find the sections of the n-th labelled class with changed thresholds."""
        known = self.known[number - 1]
        thresholds = shifted(self.thresholds, known, shift)
        found = Sections()
        for targets, logits in answers:
            margins, rows = above(logits.float(), thresholds)
            masks = covering(rows, [known], len(thresholds)) > 0
            parts = [each.cpu().numpy() for each in (masks, margins, targets)]
            for mask, margin, target in zip(*parts, strict=True):
                found.add(mask, margin, target, number)
        return found

    def agreement(
        self, path: TunedPath, thresholds: Tensor, least_means: Sequence[float]
    ) -> dict[str, float]:
        """Compare the answer with the parent's on replayed crops: Dice of each frequent class.

        A labelled class is left out: its answer is meant to change.
        """
        agreed = OverlapCounter(len(self.parent.classes))
        for crops, logits in decoded(self.model, path, self.replayed):
            rows = found_rows(logits, thresholds, self.known, least_means)
            agreed.add(rows, self.rows_by_parent(crops))
        names = [spec.name for spec in self.parent.classes]
        labelled = {row for each in self.known for row in each.rows}
        others = {name for row, name in enumerate(names) if row not in labelled}
        return {name: dice for name, dice in agreed.by_name(names, OFTEN).items() if name in others}

    def rows_by_parent(self, crops: ReviewCrops) -> Tensor:
        """Return the class rows that the parent finds, B×H×W."""
        logits = parent_logits(crops, self.parent)
        least_means = dict(enumerate(spec.least_mean for spec in self.parent.classes))
        before = [least_means.get(each.rows[0], 0.0) for each in self.known]
        return found_rows(logits, self.parent.thresholds, self.known, before)


class OverlapCounter:
    """Counts pixels of classes 1 to n in an answer, in the truth and in both."""

    def __init__(self, classes: int) -> None:
        self.both = torch.zeros(classes + 1, dtype=torch.long)
        self.found = torch.zeros(classes + 1, dtype=torch.long)
        self.truth = torch.zeros(classes + 1, dtype=torch.long)

    def add(self, found: Tensor, truth: Tensor) -> None:
        """Count classes of one shape, 0 for none; pixels whose truth is `UNKNOWN` do not count."""
        counted = truth != UNKNOWN
        ours = found[counted].long().cpu()
        theirs = truth[counted].long().cpu()
        size = len(self.both)
        self.found += torch.bincount(ours, minlength=size)[:size]
        self.truth += torch.bincount(theirs, minlength=size)[:size]
        self.both += torch.bincount(ours[ours == theirs], minlength=size)[:size]

    def by_name(self, names: Sequence[str], least: float = 0.0) -> dict[str, float]:
        """Return the Dice of each class that the truth shows.

        Parameters
        ----------
        names
            Of classes 1 to n.
        least
            Share of the counted pixels that a class must have.
        """
        dice = 2 * self.both / (self.found + self.truth).clamp_min(1)
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
        yield crops, logits.float() / model.temperature


def parent_logits(crops: ReviewCrops, parent: ScSAM) -> Tensor:
    """Return the parent's calibrated logits of its own classes."""
    return crops.parent[:, : len(parent.classes)] / parent.temperature


def above(logits: Tensor, thresholds: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far the likeliest class of B×K×H×W logits is above its threshold, and its row.

    Rows count from 1; 0 is where none passes its threshold.
    """
    best, rows = (logits - thresholds.view(-1, 1, 1)).max(dim=1)
    return best, torch.where(best > 0, rows + 1, 0)


def found_rows(
    logits: Tensor,
    thresholds: Tensor,
    known: Sequence[KnownClass],
    least_means: Sequence[float],
) -> Tensor:
    """Return the likeliest class of B×K×H×W logits, without sections that are too little sure."""
    margins, rows = above(logits, thresholds)
    return without_doubtful(rows, margins, known, least_means)


def covering(rows: Tensor, known: Sequence[KnownClass], count: int) -> Tensor:
    """Turn class rows into the labelled classes that cover them; both count from 1, 0 is none."""
    table = torch.zeros(count + 1, dtype=torch.long, device=rows.device)
    for number, each in enumerate(known, start=1):
        for row in each.rows:
            table[row + 1] = number
    return table[rows]


def shifted(thresholds: Tensor, known: KnownClass, shift: float) -> Tensor:
    """Return K thresholds with those of a labelled class and its parts changed."""
    moved = thresholds.clone()
    moved[list(known.rows)] += shift
    return moved
