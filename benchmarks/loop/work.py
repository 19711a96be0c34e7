"""A class of a volume labelled from zero, by each way of working."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.loop.acts import dice
from benchmarks.loop.annotator import Annotator, Day
from benchmarks.loop.cases import Picture
from benchmarks.loop.prices import Prices
from benchmarks.loop.regions import Mask
from benchmarks.loop.teaching import teaching_strokes
from benchmarks.loop.tools import ByNetwork, Tool

TARGETS = (0.72, 0.8, 0.9)
"""Dice that the effort is reported for; slices are corrected until the last of them."""

TAUGHT_BELOW = 0.6
"""The annotator teaches where less than this Dice is found at first sight: mostly wrong."""

STROKES = 3
"""On the class, and as many beside it, each time that it is taught."""

Next = Callable[[Sequence[Picture], Sequence[int]], int]
"""Chooses one of the pictures' slices, given those that are finished."""


@dataclass(frozen=True)
class Way:
    """A way of working."""

    key: str
    title: str
    tool: str = "network"
    """``"hand"``, ``"unet"`` or ``"network"``."""
    teaches: bool = False
    suggested: bool = False
    """Whether the slices are in the suggested order, not as they come."""
    finetunes: bool = False
    """Whether the tool is trained on what is finished."""


WAYS = (
    Way("a", "painting by hand", "hand"),
    Way("b", "correcting a U-Net", "unet"),
    Way("c", "correcting a U-Net that is trained on finished slices", "unet", finetunes=True),
    Way("d", "ScSAM: prediction and clicks alone"),
    Way("e", "ScSAM with everything", teaches=True, suggested=True, finetunes=True),
    Way("f", "… without teaching", suggested=True, finetunes=True),
    Way("g", "… without the suggested order", teaches=True, finetunes=True),
    Way("h", "… without fine-tuning", teaches=True, suggested=True),
)


@dataclass(frozen=True, eq=False)
class Finished:
    """What one slice took."""

    z: int
    first: float
    """Dice at first sight, before anything was done."""
    start: float
    """Dice before the first correction, after what was taught there."""
    day: Day

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        efforts = {f"{target:g}": self.day.until(target) for target in TARGETS}
        return {
            "slice": self.z,
            "first_dice": self.first,
            "start_dice": self.start,
            "seconds": efforts,
            "acts": dict(sorted(self.day.acts.items())),
        }


class Shift:
    """Labels one class on the slices of a case.

    Parameters
    ----------
    tool
        What labels first.
    prices
        Seconds of each act.
    target
        The Dice that is wanted.
    teaches
        Whether strokes teach the tool, which is then a `ByNetwork`.
    seed
        Of the strokes that are drawn anywhere.
    """

    def __init__(
        self, tool: Tool, prices: Prices, target: float = 0.9, *, teaches: bool, seed: int = 0
    ) -> None:
        self.tool = tool
        self.prices = prices
        self.target = target
        self.teaches = teaches
        self._annotator = Annotator(prices, TARGETS[-1])
        self._chance = np.random.default_rng(seed)

    def finish(self, picture: Picture) -> Finished:
        """Label one slice until it is good enough.

        Where so much is wrong that it is quicker to clear the slice and to start from nothing,
        the annotator sees it, and does so.
        """
        day = Day()
        found = self.tool.look(picture)
        first = dice(found, picture.truth)
        if self.teaches and isinstance(self.tool, ByNetwork) and first < TAUGHT_BELOW:
            found = self._taught(self.tool, picture, found, day)
        start = dice(found, picture.truth)
        cleared = day.copy()
        cleared.spend("clear", self.prices.key, 0.0)
        days = [
            self._annotator.correct(found, picture.truth, self.tool.answers(), day),
            self._annotator.correct(found & False, picture.truth, self.tool.answers(), cleared),
        ]
        best = min(days, key=lambda each: each.until(self.target))
        return Finished(picture.z, first, start, best)

    def _taught(self, tool: ByNetwork, picture: Picture, found: Mask, day: Day) -> Mask:
        """Teach by strokes on the largest errors, and return what is found then.

        What makes it worse at sight is forgotten again.
        """
        on, beside = teaching_strokes(found, picture.truth, STROKES, self._chance)
        before = dice(found, picture.truth)
        tool.teach(picture, on, beside)
        day.spend("teach", 2 * STROKES * self.prices.teach, before)
        taught = tool.look(picture)
        if dice(taught, picture.truth) >= before:
            return taught
        tool.forget_last()
        day.spend("forget", self.prices.key, before)
        return tool.look(picture)


def work_through(
    pictures: Sequence[Picture],
    shift: Shift,
    choose: Next,
    after: Callable[[Sequence[Picture]], None] = lambda _: None,
) -> Iterator[Finished]:
    """Label all slices, one after another.

    Parameters
    ----------
    pictures
        The slices.
    shift
        Labels one of them.
    choose
        Chooses the next.
    after
        Called with all finished slices after each but the last.
    """
    by_slice = {picture.z: picture for picture in pictures}
    done: list[int] = []
    while len(done) < len(pictures):
        z = choose(pictures, done)
        yield shift.finish(by_slice[z])
        done.append(z)
        if len(done) < len(pictures):
            after([by_slice[each] for each in done])


def as_they_come(pictures: Sequence[Picture], done: Sequence[int]) -> int:
    """Choose the first slice that is not finished."""
    return next(p.z for p in pictures if p.z not in done)
