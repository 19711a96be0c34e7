"""A simulated annotator: always does what mends most pixels a second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from benchmarks.loop.acts import Act, dice, possible_acts
from benchmarks.loop.asking import Answers, Ask, Trust
from benchmarks.loop.prices import Prices
from benchmarks.loop.regions import Mask, regions


@dataclass
class Day:
    """What one slice took so far."""

    seconds: float = 0.0
    curve: list[tuple[float, float]] = field(default_factory=list)
    """(seconds, Dice) after each act."""
    acts: Counter[str] = field(default_factory=Counter)
    """How often each kind of act was done."""

    def spend(self, kind: str, seconds: float, reached: float) -> None:
        """Note an act and the Dice after it."""
        self.seconds += seconds
        self.acts[kind] += 1
        self.curve.append((self.seconds, reached))

    def copy(self) -> Day:
        """Return a copy, to try something else from here on."""
        return Day(self.seconds, list(self.curve), Counter(self.acts))

    def until(self, target: float) -> float:
        """Return the seconds until a Dice was reached first; infinite if it was not."""
        return next((seconds for seconds, reached in self.curve if reached >= target), np.inf)


class Annotator:
    """Corrects slices, one after another.

    The annotator knows what is right, and sees what is labelled. What a click will answer is not
    known before: it is expected to be as good as earlier ones (`Trust`).

    Parameters
    ----------
    prices
        Seconds of each act.
    enough
        The Dice at which a slice is finished.
    """

    def __init__(self, prices: Prices, enough: float) -> None:
        self.prices = prices
        self.enough = enough
        self.trust = Trust()

    def correct(
        self, start: Mask, truth: Mask, answers: Answers | None = None, day: Day | None = None
    ) -> Day:
        """Correct the labels of one slice until they are good enough.

        Parameters
        ----------
        start
            Y×X, what is labelled at the start.
        truth
            Y×X, what should be.
        answers
            Answers clicks and boxes on this slice; without them all is done by hand.
        day
            What the slice took before, such as strokes that taught.
        """
        day = day or Day()
        current = start.copy()
        day.curve.append((day.seconds, dice(current, truth)))
        asking = Asking(self, truth, answers)
        while day.curve[-1][1] < self.enough:
            self._round(current, truth, asking, day)
        return day

    def _round(self, current: Mask, truth: Mask, asking: Asking, day: Day) -> None:
        """Do those acts that mend most a second, each where no act of this round was before."""
        touched = np.zeros_like(truth)
        for act in self._ranked(current, truth, asking):
            if touched[act.place].any():
                continue
            touched[act.place] = True
            if isinstance(act, Ask):
                asking.ask(act, current, day)
            else:
                act.apply(current)
                day.spend(act.kind, act.seconds, dice(current, truth))
            if day.curve[-1][1] >= self.enough:
                return

    def _ranked(self, current: Mask, truth: Mask, asking: Asking) -> list[Act | Ask]:
        """Return the acts that promise to mend something, the best first."""
        acts = possible_acts(current, truth, asking.objects, self.prices)
        rated: list[tuple[float, Act | Ask]] = [
            (act.gain(current, truth) / act.seconds, act) for act in acts
        ]
        rated += [(each.rate, each) for each in asking.possible(current)]
        rated.sort(key=lambda pair: -pair[0])
        return [act for rate, act in rated if rate > 0]


class Asking:
    """The clicks and boxes on one slice; there are none where nothing answers them."""

    def __init__(self, annotator: Annotator, truth: Mask, answers: Answers | None) -> None:
        self.objects = regions(truth, truth)
        self._truth = truth
        self._annotator = annotator
        self._answers = answers
        self._asked: set[tuple[str, int]] = set()

    def possible(self, current: Mask) -> Sequence[Ask]:
        """Return what may be asked: each object that is mostly missing, once by each kind."""
        if self._answers is None:
            return []
        prices = self._annotator.prices
        trust = self._annotator.trust
        found = []
        for number, target in enumerate(self.objects):
            missing = target.mask & ~current[target.place]
            if 2 * missing.sum() < target.area:
                continue
            for kind, seconds in (("click", prices.click), ("box", prices.box)):
                if kind in self._answers.kinds and (kind, number) not in self._asked:
                    promise = trust.of(kind) * missing.sum() / (seconds + prices.accept)
                    found.append(Ask(kind, number, seconds, target.place, promise))
        return found

    def ask(self, ask: Ask, current: Mask, day: Day) -> None:
        """Ask, look at the answer, and accept it if it mends something."""
        if self._answers is None:
            return
        self._asked.add((ask.kind, ask.number))
        target = self.objects[ask.number]
        missing = int((target.mask & ~current[target.place]).sum())
        answer = self._answers.answer(ask.kind, target)
        gain = mended(answer, current, self._truth)
        self._annotator.trust.learn(ask.kind, gain / missing)
        prices = self._annotator.prices
        if gain > 0:
            current |= answer
            day.spend(ask.kind, ask.seconds + prices.accept, dice(current, self._truth))
        else:
            seconds = ask.seconds + prices.key
            day.spend(f"{ask.kind} refused", seconds, dice(current, self._truth))


def mended(answer: Mask, current: Mask, truth: Mask) -> int:
    """Return by how many wrong pixels there are fewer when an answer is added."""
    added = answer & ~current
    return int((added & truth).sum()) - int((added & ~truth).sum())
