"""When a device runs out of memory: less at once, one line that says so, and on."""

from __future__ import annotations

import ctypes
import gc
import logging
import sys
from collections.abc import Callable, Generator
from functools import cache, wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import torch

from napari_scsam.infer.lanes import lanes
from napari_scsam.infer.tiling import MULTIPLE
from napari_scsam.steps import Progress

TILES_IN_A_BATCH = {"cuda": 8}
"""A GPU is busier with several tiles in a batch; a CPU takes them side by side."""

SMALLEST_TILE = 128

WORDS = ("out of memory", "can't allocate memory", "not enough memory")
"""How devices other than CUDA say it, inside a `RuntimeError`."""

MMAP_THRESHOLD = -3
TRIM_THRESHOLD = -1
"""Names of glibc's settings for `mallopt`."""

HELD = 256 << 20
"""Bytes that glibc keeps when they are freed, in place of giving them back to the system at once."""

log = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")


@cache
def hold_memory() -> None:
    """Let glibc keep the memory of one layer for the next; having each page mapped anew takes a seventh of the time on a CPU."""
    if sys.platform == "linux" and (
        mallopt := getattr(ctypes.CDLL(None), "mallopt", None)
    ):  # other C libraries have none
        mallopt(MMAP_THRESHOLD, 32 << 20)  # the most that it takes
        mallopt(TRIM_THRESHOLD, HELD)


class Loaded(Protocol):
    """Whoever works with a load."""

    load: Load


S = TypeVar("S", bound=Loaded)


def retry_smaller_on_oom(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Create a method that runs out of memory halve its load and begin anew."""

    @wraps(method)
    def tried(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            try:
                return method(self, *args, **kwargs)
            except (RuntimeError, MemoryError) as error:
                self.load.halve(error)

    return tried


class Load:
    """How much a device is given at once.

    Parameters
    ----------
    device
        Where the work runs.
    tile
        Largest side of a tile in pixels.
    """

    def __init__(self, device: torch.device, tile: int) -> None:
        self.device = device
        self.tile = tile
        self.batch = TILES_IN_A_BATCH.get(device.type, 1)
        self.lanes = lanes() if device.type == "cpu" else 1

    def steps(
        self, make: Callable[[], Generator[Progress, None, T]]
    ) -> Generator[Progress, None, T]:
        """Do long work; when memory runs out, halve the load and begin it anew."""
        while True:
            try:
                return (yield from make())
            except (RuntimeError, MemoryError) as error:
                sentence = self.halve(error)
            yield Progress(0, 1, sentence)

    def halve(self, error: Exception) -> str:
        """Halve the batch, then the lanes, then the tile; another error, or one that nothing is left to halve for, is raised again."""
        if not is_out_of_memory(error) or (
            self.batch * self.lanes == 1 and self.tile // 2 < SMALLEST_TILE
        ):
            raise error
        if self.batch > 1:
            self.batch //= 2
        elif self.lanes > 1:
            self.lanes //= 2
        else:
            self.tile = self.tile // 2 // MULTIPLE * MULTIPLE
            return self._freed(error, f"tiles of {self.tile} px")
        count = self.batch * self.lanes
        return self._freed(error, f"{count} tiles at once" if count > 1 else "one tile at a time")

    def _freed(self, error: Exception, now: str) -> str:
        error.__traceback__ = None  # it holds the tensors that filled the memory
        give_memory_back(self.device)
        sentence = f"out of memory on {self.device}; going on with {now}"
        log.warning(sentence)
        return sentence


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether a device, or the computer, had no memory left."""
    told = isinstance(error, RuntimeError) and any(words in str(error).lower() for words in WORDS)
    return told or isinstance(error, torch.cuda.OutOfMemoryError | MemoryError)


def give_memory_back(device: torch.device) -> None:
    """Let the device's memory be whole again."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
