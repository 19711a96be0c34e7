"""How long work on tiles takes, so that the user knows before it and during it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import TypeVar

from napari_scsam.gui.words import count_of
from napari_scsam.steps import Progress, Steps, in_words, mapped

T = TypeVar("T")

EMBEDDING = "embedding"
"""What a step of the network says while it works on a tile that is new."""

REMEMBERED = 32
"""Measured steps whose median counts."""

SHORT = 5.0
"""Seconds; work that takes less needs no word on the time that is left."""


class TilePace:
    """Measures the seconds that a tile takes.

    Parameters
    ----------
    clock
        Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._measured: deque[float] = deque(maxlen=REMEMBERED)
        self._last: tuple[float, Progress] | None = None
        self.tiles = 0
        """Tiles of the slice that was embedded last, in all its views."""
        self._counted = 0

    @property
    def seconds(self) -> float | None:
        """Seconds a tile; None before anything was measured."""
        if not self._measured:
            return None
        return median(self._measured)

    def begin(self) -> None:
        """Begin to count the tiles of a slice."""
        self._counted = 0
        self._last = None

    def note(self, step: Progress) -> None:
        """Take the time of a step of the network."""
        now = self._clock()
        last = self._last
        self._last = None
        if step.what != EMBEDDING:
            return
        self._last = (now, step)
        if not step.done:
            self._counted += step.total
            self.tiles = self._counted
        if last is not None and last[1].total == step.total and step.done > last[1].done:
            self._measured.append((now - last[0]) / (step.done - last[1].done))

    def describe(self, slices: int) -> str:
        """Return a phrase on a run over slices like the last one, e.g. ``"96 slices, …"``."""
        text = count_of(slices, "slice")
        if not self.tiles:
            return f"{text}; the time is known after the first"
        tiles = count_of(slices * self.tiles, "tile")
        if self.seconds is None:
            return f"{text}, {tiles}; the time is known after the first slice"
        return f"{text}, {tiles}, about {in_words(slices * self.tiles * self.seconds)}"


def with_time_left(
    steps: Steps[T], pace: TilePace, clock: Callable[[], float] = time.perf_counter
) -> Steps[T]:
    """Add the time that is left to the steps of embedding a slice, and measure them."""
    start = clock()
    pace.begin()

    def timed(step: Progress) -> Progress:
        pace.note(step)
        if step.what != EMBEDDING:
            return step
        left = ""
        if clock() - start > SHORT:
            left = time_left(step.done, step.total, clock() - start)
        return replace(step, what=f"{step.what}{left}")

    return mapped(steps, timed)


def time_left(done: int, total: int, seconds: float) -> str:
    """Return a phrase on the time that is left, e.g. ``", 3 min left"``.

    Parameters
    ----------
    done, total
        Amounts of work. Before anything is done the phrase is empty.
    seconds
        That it took so far.
    """
    if not done:
        return ""
    return f", {in_words(seconds / done * (total - done))} left"
