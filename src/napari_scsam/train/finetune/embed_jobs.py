"""The order in which crops of several kinds are embedded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

EmbedJob = Callable[[], None]
"""Embeds one crop."""


@dataclass(frozen=True, eq=False)
class EmbedJobs:
    """The jobs of one kind."""

    jobs: Sequence[EmbedJob]
    fewest: int
    """So many are done in any case, however little time there is."""

    @property
    def least(self) -> int:
        """Jobs that are done in any case."""
        return min(self.fewest, len(self.jobs))


def interleaved(kinds: Sequence[EmbedJobs]) -> list[EmbedJob]:
    """Order jobs of several kinds: a few of each come first, then all in proportion."""
    placed = [
        (-1.0 if number < kind.least else (number + 0.5) / len(kind.jobs), job)
        for kind in kinds
        for number, job in enumerate(kind.jobs)
    ]
    return [job for _, job in sorted(placed, key=itemgetter(0))]
