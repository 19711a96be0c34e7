"""A class as several rounds of strokes taught it.

Strokes that correct an answer lie where it was wrong, which is not a fair sample
of the slice. A fit to all of them can be far worse than the one before. So each
round moves the answer only a little, on every slice: a trust region, as in
optimisation (Conn, Gould & Toint 2000, "Trust region methods"). A class that
the network knows starts from the network's own answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_scsam.infer.taught.classifier import (
    MOST_LOGIT,
    StrokeClassifier,
    fit_classifier,
)
from napari_scsam.infer.taught.fits import Fit, LookedAt
from napari_scsam.infer.taught.lessons import (
    CellIndices,
    Flags,
    Floats,
    Lesson,
    SliceFeatures,
)

FIRST_STEP = 0.5
"""Share of the new fit in the answer after the first round of corrections, at most."""

SHORTER = (1.0, 0.7, 0.5, 0.3, 0.2, 0.1)
"""What the step is multiplied by, until little enough changes; after the last, nothing does."""

LIKENESS = 0.95
"""Dice that the answers before and after a round must have, on any slice."""

LIKENESS_KNOWN = 0.98
"""The same, for a class that the network knows: its answer was learned from far more labels."""

CHANCE = (0.4, 0.75)
"""Share of the strokes, of either side alike, about which a network of no use may be right.

Less than chance means that strokes lie where a hand corrects a network that is right elsewhere."""

LIKENESS_FIRST = 0.94
"""Dice that the first answer and that after any number of rounds must have, on any slice.

Several rounds that each go a little wrong in the same direction would else add up."""

ALIEN = 0.3
"""Dice of the network's answer and of what strokes teach, where both have little in common."""

FIRST_STROKES = 3
"""Strokes on either side before they can tell that the network is of no use."""

Kept = Sequence[tuple[Floats, float]]
"""Logits of some answers, and the Dice that another must have with each."""


@dataclass(frozen=True, eq=False)
class TaughtAnswer:
    """An answer that each fit moved on."""

    fits: tuple[StrokeClassifier, ...] = ()
    shares: tuple[float, ...] = ()
    """How far each fit moved the answer that was there before it, 0 to 1."""
    rounds: tuple[int, ...] = ()
    """The last round of strokes that each fit has seen."""
    sharpens: bool = False
    """Whether it starts from the network's own logit, the last fine map, not from the first fit."""

    def logits(self, features: SliceFeatures) -> Floats:
        """Compute the logits of the fine cells: h×w, above 0 where the class is."""
        return self._joined(features.fine[-1], (fit.logits(features) for fit in self.fits))

    def at(self, values: Floats, fine: int) -> Floats:
        """Compute logits of N×F values by themselves, `fine` of them fine, without smoothing: N."""
        return self._joined(values[:, fine - 1], (fit.at(values) for fit in self.fits))

    def found_on(self, features: SliceFeatures, cells: CellIndices) -> Flags:
        """Return whether the class is found on N fine cells of a slice, given by flat index: N."""
        return self.at(features.rows(cells), len(features.fine)) > 0

    def _joined(self, network: Floats, fitted: Iterable[Floats]) -> Floats:
        """Move the first answer on by each other; nowhere more than a round may change."""
        answers = iter(fitted)
        first = bounded(network) if self.sharpens else next(answers)
        logits = first
        for new, share in zip(answers, self.shares, strict=True):
            logits = moved(logits, new, longest_step(logits, new, share, self._kept(first, logits)))
        return logits

    def _kept(self, first: Floats, before: Floats) -> Kept:
        """Return the logits that the next answer must be like, and how much."""
        return ((first, LIKENESS_FIRST), (before, self.least_likeness))

    def after(self, fit: StrokeClassifier, looked_at: LookedAt, number: int = 0) -> TaughtAnswer:
        """Return the answer after one more round of strokes.

        A round that may change nothing leaves no fit behind.

        Parameters
        ----------
        fit
            To all strokes up to this round.
        looked_at
            Cells of a taught slice, on which the change is measured.
        number
            Of the round.
        """
        if not self.fits and not self.sharpens:
            return TaughtAnswer((fit,), (), (number,))
        share = self.step(fit, looked_at)
        if share == 0:
            return self
        return replace(
            self,
            fits=(*self.fits, fit),
            shares=(*self.shares, share),
            rounds=(*self.rounds, number),
        )

    def step(self, fit: StrokeClassifier, looked_at: LookedAt) -> float:
        """Find the longest step towards a fit that keeps the answer alike, 0 to 1."""
        before = self._joined(looked_at.network, map(looked_at.by, self.fits))
        if not (before > 0).any():
            return 1.0
        first = bounded(looked_at.network) if self.sharpens else looked_at.by(self.fits[0])
        longest = float(FIRST_STEP / np.sqrt(1 + len(self.shares)))
        return longest_step(before, looked_at.by(fit), longest, self._kept(first, before))

    @property
    def least_likeness(self) -> float:
        """Dice that the answers before and after a round must have."""
        return LIKENESS_KNOWN if self.sharpens else LIKENESS


def longest_step(before: Floats, new: Floats, longest: float, kept: Kept) -> float:
    """Find the longest step from logits towards new ones that keeps the answer alike.

    Where nothing was found before, there is nothing to keep.

    Parameters
    ----------
    before, new
        Logits.
    longest
        A share of the way, 0 to 1.
    kept
        Logits of answers, and the Dice that the new answer must have with each.
    """
    if not (before > 0).any():
        return longest
    for shorter in SHORTER:
        share = longest * shorter
        found = moved(before, new, share) > 0
        if all(likeness(logits > 0, found) >= least for logits, least in kept):
            return share
    return 0.0


def moved(before: Floats, new: Floats, share: float) -> Floats:
    """Move logits a share of the way to new ones."""
    return before + np.float32(share) * (new - before)


def bounded(logits: Floats) -> Floats:
    """Bound logits by those of the most certain cells."""
    return np.clip(logits, -MOST_LOGIT, MOST_LOGIT)


def likeness(one: Flags, other: Flags) -> float:
    """Compute the Dice of two answers; 1 where both are empty."""
    total = int(one.sum() + other.sum())
    if total == 0:
        return 1.0
    return float(2 * (one & other).sum() / total)


def replay(
    lesson: Lesson,
    shown: SliceFeatures,
    *,
    reads_network: bool = False,
    fit: Fit = fit_classifier,
) -> TaughtAnswer:
    """Teach all strokes of a class again, round by round; the answer is always the same.

    Parameters
    ----------
    lesson
        Of all strokes, with a stroke on the class.
    shown
        Features of a taught slice.
    reads_network
        Whether the network knows the class; the last fine feature is then its own logit.
    fit
        Fits the classifier, or remembers it.
    """
    looked_at = LookedAt(shown)
    answer = TaughtAnswer(sharpens=reads_network)
    for number in np.unique(lesson.corrects):
        so_far = lesson.only(lesson.corrects <= number)
        if not so_far.positive.any():
            continue
        if reads_network and not answer.fits:
            answer = TaughtAnswer(sharpens=is_of_use(so_far, shown))
        found = fit(so_far, sharpens=answer.sharpens)
        answer = answer.after(found, looked_at, int(number))
    return answer


def is_of_use(lesson: Lesson, shown: SliceFeatures) -> bool:
    """Whether the network's own answer is one to start from.

    While strokes are few, it is: they lie where a hand corrects it, and tell little of the rest.
    Later it is where strokes agree with it, and where they correct it: then it is wrong about
    nearly all of them.
    Otherwise what strokes alone teach decides: the network is of no use where it has little in
    common with that.
    """
    right = (lesson.values[:, lesson.fine - 1] > 0) == lesson.positive
    counts = [len(np.unique(lesson.stroke[side])) for side in (lesson.positive, ~lesson.positive)]
    if min(counts) < FIRST_STROKES:
        return True
    sides = [right[side].mean() for side in (lesson.positive, ~lesson.positive)]
    if not CHANCE[0] < np.mean(sides) < CHANCE[1]:
        return True
    taught = fit_classifier(without_network(lesson)).logits(blind(shown)) > 0
    return likeness(shown.fine[-1] > 0, taught) > ALIEN


def without_network(lesson: Lesson) -> Lesson:
    """Return a lesson that says nothing of the network's own logit.

    Strokes that correct the network would teach the opposite of it.
    """
    values = lesson.values.copy()
    context = lesson.context.copy()
    values[:, lesson.fine - 1] = 0
    context[:, lesson.fine - 1] = 0
    return replace(lesson, values=values, context=context)


def blind(shown: SliceFeatures) -> SliceFeatures:
    """Return features without the network's own logit."""
    fine = shown.fine.copy()
    fine[-1] = 0
    return SliceFeatures(fine, shown.fused)


def refit(lesson: Lesson, rounds: Sequence[int], shares: Sequence[float]) -> TaughtAnswer:
    """Fit an answer again without a slice, given the rounds and shares of `replay`.

    An answer with a share for every round starts from the network's own.
    """
    sharpens = len(shares) == len(rounds)
    parts = [lesson.only(lesson.corrects <= number) for number in rounds]
    fits = [fit_classifier(part, sharpens=sharpens) for part in parts]
    return TaughtAnswer(tuple(fits), tuple(shares), tuple(rounds), sharpens)
