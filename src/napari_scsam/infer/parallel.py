"""Tiles in parallel on a CPU.

A CPU is faster when each tile has threads of its own than when all threads share one tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

MAX_LANES = 4
"""Most tiles in parallel. Each takes memory, and all must end before work can be cancelled."""

THREADS_PER_TILE = 4
"""Threads that one tile keeps busy, on a CPU that has that many."""


def parallel_tiles() -> int:
    """Return the number of tiles that a CPU should work on in parallel."""
    threads = torch.get_num_threads()
    return min(threads, MAX_LANES, max(2, threads // THREADS_PER_TILE))


@contextmanager
def parallel_runner(count: int) -> Iterator[Callable[[Callable[[T], R], Sequence[T]], list[R]]]:
    """Yield a function that does the same to several things, on `count` Python threads.

    The threads share those of torch.

    Yields
    ------
    run
        ``run(work, things)`` returns the results in the order of the things. A single
        thing is done on the calling thread, with all threads of torch.
    """
    threads = torch.get_num_threads()

    def run(work: Callable[[T], R], things: Sequence[T]) -> list[R]:
        if len(things) == 1:
            return [work(things[0])]

        def with_share_of_threads(thing: T) -> R:
            torch.set_num_threads(max(1, threads // len(things)))  # of this Python thread
            return work(thing)

        try:
            return list(pool.map(with_share_of_threads, things))
        finally:
            torch.set_num_threads(threads)  # for libraries with one number for all threads

    with ThreadPoolExecutor(count, "scsam-tile") as pool:
        yield run
