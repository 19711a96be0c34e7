"""Timing in turn, and the figures that a benchmark writes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    value: float
    unit: str
    """``"×"`` for a ratio, ``"ms"``, ``"s"``, ``"MB"``."""
    target: str = ""
    """What it should be, e.g. ``"≤ 60"``; empty when it is only told."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def interleaved(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Run works in turn, round after round, and return the median seconds of each.

    What slows the machine down for a while slows them all. A first round warms up and does not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times[1:]) for name, times in seconds.items()}
