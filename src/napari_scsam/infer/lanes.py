"""Tiles side by side: a CPU gets through them faster when each has threads of its own than when all threads share one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

MOST = 4
"""Tiles at once on a CPU; each takes memory, and all must end before work can be cancelled."""

THREADS = 4
"""Threads that one tile keeps busy, on a CPU that has so many."""


def lanes() -> int:
    """Say how many tiles a CPU should work on at once."""
    threads = torch.get_num_threads()
    return min(threads, MOST, max(2, threads // THREADS))


@contextmanager
def side_by_side(count: int) -> Iterator[Callable[[Callable[[T], R], Sequence[T]], list[R]]]:
    """Return a way to do the same to a few things at once, on `count` Python threads that share torch's.

    Yields
    ------
    run
        ``run(work, things)`` gives the results in the order of the things; one thing alone is done here, with all threads.
    """
    threads = torch.get_num_threads()

    def run(work: Callable[[T], R], things: Sequence[T]) -> list[R]:
        if len(things) == 1:
            return [work(things[0])]

        def with_its_share(thing: T) -> R:
            torch.set_num_threads(max(1, threads // len(things)))  # counts for this Python thread
            return work(thing)

        try:
            return list(pool.map(with_its_share, things))
        finally:
            torch.set_num_threads(threads)  # and for the libraries that know but one number

    with ThreadPoolExecutor(count, "scsam-lane") as pool:
        yield run
