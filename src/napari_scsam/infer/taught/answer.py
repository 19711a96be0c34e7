"""A class as several rounds of strokes taught it.

Strokes that correct an answer lie where it was wrong, which is no fair sample
of the slice. A fit to all of them can be far worse than the one before. So each
round moves the answer only a little: a trust region, as in optimisation (Conn,
Gould & Toint 2000, "Trust region methods").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_scsam.infer.taught.classifier import StrokeClassifier, fit_classifier
from napari_scsam.infer.taught.lessons import Flags, Floats, Lesson, SliceFeatures

FIRST_STEP = 0.5
"""Share of the new fit in the answer after the first round of corrections, at most."""

SHORTER = (1.0, 0.7, 0.5, 0.3, 0.2, 0.1)
"""What the step is multiplied by, until little enough changes; after the last, nothing does."""

LIKENESS = 0.9
"""Dice that the answers before and after a round must have on the taught slice."""

LOOKED_AT = 6000
"""Cells of the slice that this is measured on."""


@dataclass(frozen=True, eq=False)
class TaughtAnswer:
    """An answer that each fit moved on."""

    fits: tuple[StrokeClassifier, ...]
    shares: tuple[float, ...] = ()
    """How far each fit after the first moved the answer, 0 to 1."""
    rounds: tuple[int, ...] = (0,)
    """The last round of strokes that each fit has seen."""

    def logits(self, features: SliceFeatures) -> Floats:
        """Compute the logits of the fine cells: h×w, above 0 where the class is."""
        logits = self.fits[0].logits(features)
        for fit, share in zip(self.fits[1:], self.shares, strict=True):
            logits = moved(logits, fit.logits(features), share)
        return logits

    def at(self, values: Floats) -> Floats:
        """Compute logits of N×F values by themselves, without smoothing: N."""
        logits = self.fits[0].at(values)
        for fit, share in zip(self.fits[1:], self.shares, strict=True):
            logits = moved(logits, fit.at(values), share)
        return logits

    def after(self, fit: StrokeClassifier, shown: SliceFeatures, number: int = 0) -> TaughtAnswer:
        """Return the answer after one more round of strokes.

        A round that may change nothing leaves no fit behind.

        Parameters
        ----------
        fit
            To all strokes up to this round.
        shown
            Features of a taught slice, on which the change is measured.
        number
            Of the round.
        """
        if not self.fits:
            return TaughtAnswer((fit,), (), (number,))
        share = self.step(fit, shown)
        if share == 0:
            return self
        return TaughtAnswer((*self.fits, fit), (*self.shares, share), (*self.rounds, number))

    def step(self, fit: StrokeClassifier, shown: SliceFeatures) -> float:
        """Find the longest step towards a fit that keeps the answer alike, 0 to 1."""
        cells = shown.grid[0] * shown.grid[1]
        values = shown.rows(np.arange(0, cells, max(1, cells // LOOKED_AT)))
        before, new = self.at(values), fit.at(values)
        if not (before > 0).any():
            return 1.0
        longest = FIRST_STEP / np.sqrt(len(self.fits))
        for shorter in SHORTER:
            share = float(longest * shorter)
            if likeness(before > 0, moved(before, new, share) > 0) >= LIKENESS:
                return share
        return 0.0


def moved(before: Floats, new: Floats, share: float) -> Floats:
    """Move logits a share of the way to new ones."""
    return before + np.float32(share) * (new - before)


def likeness(one: Flags, other: Flags) -> float:
    """Compute the Dice of two answers; 1 where both are empty."""
    total = int(one.sum() + other.sum())
    if total == 0:
        return 1.0
    return float(2 * (one & other).sum() / total)


def replay(lesson: Lesson, shown: SliceFeatures) -> TaughtAnswer:
    """Teach all strokes of a class again, round by round; the answer is always the same.

    Parameters
    ----------
    lesson
        Of all strokes, with a stroke on the class.
    shown
        Features of a taught slice.
    """
    answer = TaughtAnswer(())
    for number in np.unique(lesson.corrects):
        so_far = lesson.only(lesson.corrects <= number)
        if so_far.positive.any():
            answer = answer.after(fit_classifier(so_far), shown, int(number))
    return answer


def refit(lesson: Lesson, rounds: Sequence[int], shares: Sequence[float]) -> TaughtAnswer:
    """Fit an answer again without a slice, given the rounds and shares of `replay`."""
    fits = [fit_classifier(lesson.only(lesson.corrects <= number)) for number in rounds]
    return TaughtAnswer(tuple(fits), tuple(shares), tuple(rounds))
