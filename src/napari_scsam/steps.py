"""Drive long work.

Long work in the core is a generator that yields `Progress` and returns its result. The widget, the
command line and the tests drive it alike, and closing the generator cancels the work.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R")


@dataclass(frozen=True)
class Progress:
    """One step of long work: what a progress bar needs."""

    done: int
    total: int
    what: str = ""
    """A few words for the user, e.g. ``"slice 12"``."""


@dataclass(frozen=True)
class Pause(Progress):
    """A step after which nothing is half done: other work may run before the next one."""


Steps = Generator[Progress, None, T]
"""Long work that returns a T."""


def drive(steps: Generator[S, None, T], each: Callable[[S], Any] | None = None) -> T:
    """Run a generator to its end and return its result.

    Parameters
    ----------
    steps
        The work.
    each
        Called with every value that the generator yields.
    """
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            if each is not None:
                each(step)


def mapped(steps: Generator[S, None, T], change: Callable[[S], R]) -> Generator[R, None, T]:
    """Yield what `change` makes of every value of a generator, and return the generator's result."""
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            yield change(step)


def as_part(steps: Steps[T], before: int, total: int) -> Steps[T]:
    """Count long work as a part of longer work, of which `before` steps were done already.

    A part may turn out longer than expected; then the total grows.
    """

    def shifted(step: Progress) -> Progress:
        return Progress(before + step.done, max(total, before + step.total), step.what)

    return mapped(steps, shifted)


def in_words(seconds: float) -> str:
    """Return a duration in words, e.g. ``"3 min"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
