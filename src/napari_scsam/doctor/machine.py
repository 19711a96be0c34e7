"""The computer: system, processors, memory."""

from __future__ import annotations

import os
import platform
from typing import Any

from napari_scsam.doctor.finding import Finding

LITTLE_MEMORY = 3.5 * 2**30
"""Bytes below which whole slices with the shipped network may not fit."""


def examine_machine() -> Finding:
    """Return the system, its Python, its cores and its memory."""
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cores": usable_cores(),
        "memory_bytes": memory_bytes(),
    }
    text = f"Python {facts['python']}, {facts['system']}, {facts['cores']} cores"
    memory = facts["memory_bytes"]
    complaints: tuple[str, ...] = ()
    if memory:
        text += f", {memory / 2**30:.1f} GiB of memory"
        if memory < LITTLE_MEMORY:
            complaints = ("there is less than 4 GiB of memory; close other programs",)
    return Finding("machine", text, facts, complaints)


def usable_cores() -> int:
    """Return the number of processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    if affinity is not None:
        return len(affinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Return the bytes of memory; None where Python cannot find out, as on Windows."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
