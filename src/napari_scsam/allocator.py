"""Settings of glibc's allocator; other C libraries have none, and need none."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

MMAP_THRESHOLD = -3
TRIM_THRESHOLD = -1
ARENA_MAX = -8
"""Numbers of the settings for `mallopt`."""

MAX_MMAP_THRESHOLD = 32 << 20
"""Largest value that glibc accepts."""

FREED_BYTES = 256 << 20
"""Freed bytes that glibc keeps instead of returning them to the system at once."""


@cache
def keep_freed_memory() -> None:
    """Make glibc keep the memory of one layer of a network for the next.

    Mapping each page again takes a seventh of the time on a CPU.
    """
    _set(MMAP_THRESHOLD, MAX_MMAP_THRESHOLD)
    _set(TRIM_THRESHOLD, FREED_BYTES)


@cache
def share_freed_memory() -> None:
    """Make threads that start from now on take memory from one place.

    Each thread that reads chunks would keep what it freed for itself, for as long as it lives.
    """
    _set(ARENA_MAX, 1)


def _set(setting: int, value: int) -> None:
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # C libraries other than glibc lack it
        mallopt(setting, value)
