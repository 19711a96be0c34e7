"""When a device runs out of memory: continue with less at once, and log one line about it."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import torch

from napari_scsam.infer.parallel import parallel_tiles
from napari_scsam.infer.tiling import MULTIPLE
from napari_scsam.steps import Progress, Steps

TILES_IN_A_BATCH = {"cuda": 8}
"""A GPU is busier with several tiles in a batch; a CPU works on them in parallel."""

MIN_TILE = 128
"""Side in pixels below which tiles are not halved."""

OUT_OF_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")
"""How devices other than CUDA report it, inside a `RuntimeError`."""

log = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")


class HasBatchLimits(Protocol):
    """An object that works within batch limits."""

    batch_limits: BatchLimits


S = TypeVar("S", bound=HasBatchLimits)


def retry_smaller_on_oom(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Make a method halve its batch limits and start again when memory runs out."""

    @wraps(method)
    def tried(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            try:
                return method(self, *args, **kwargs)
            except (RuntimeError, MemoryError) as error:
                self.batch_limits.halve(error)

    return tried


class BatchLimits:
    """How much a device computes at once.

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
        self.parallel_tiles = parallel_tiles() if device.type == "cpu" else 1

    def steps(self, make: Callable[[], Steps[T]]) -> Steps[T]:
        """Do long work; when memory runs out, halve the limits and start it again."""
        while True:
            try:
                return (yield from make())
            except (RuntimeError, MemoryError) as error:
                notice = self.halve(error)
            yield Progress(0, 1, notice)

    def halve(self, error: Exception) -> str:
        """Halve the batch, else the parallel tiles, else the side of a tile.

        Returns
        -------
        notice
            What happened, in one sentence.

        Raises
        ------
        Exception
            The error itself, when it is not about memory or nothing can be halved.
        """
        if not is_out_of_memory(error) or self._is_smallest():
            raise error
        if self.batch > 1:
            self.batch //= 2
        elif self.parallel_tiles > 1:
            self.parallel_tiles //= 2
        else:
            self.tile = self.tile // 2 // MULTIPLE * MULTIPLE
            return self._freed(error, f"tiles of {self.tile} px")
        count = self.batch * self.parallel_tiles
        if count == 1:
            return self._freed(error, "one tile at a time")
        return self._freed(error, f"{count} tiles at once")

    def _is_smallest(self) -> bool:
        return self.batch * self.parallel_tiles == 1 and self.tile // 2 < MIN_TILE

    def _freed(self, error: Exception, now: str) -> str:
        error.__traceback__ = None  # it holds the tensors that filled the memory
        free_memory(self.device)
        notice = f"out of memory on {self.device}; continuing with {now}"
        log.warning(notice)
        return notice


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device, or the computer, had no memory left."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in OUT_OF_MEMORY_WORDS)


def free_memory(device: torch.device) -> None:
    """Return unused memory to the device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
