"""What a kind of file is, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

STACK = np.random.default_rng(0).integers(1, 200, (6, 20, 30), np.uint8)
"""What the files show."""

NM = (30.0, 5.0, 4.0)
"""Size of its voxels, along z, y, x."""


@dataclass(frozen=True)
class Kind:
    """A kind of file, as the table of formats has it."""

    name: str
    writer: str
    """The library that writes it, or "by hand"."""
    write: Callable[[Path], str]
    """Writes one into a folder, and returns what to open."""
    size: Any = NM
    """The voxel size that is in it; two numbers where z is unknown, None where all are."""
    shows: Any = None
    """Voxels that are read; None for `STACK`."""
    options: tuple[tuple[str, int], ...] = ()
    """The channel or time point that is chosen."""
    labels: bool = True
    """Whether integers come back as labels."""
    label_values: Any = None
    """What `open_labels` reads, where it is not the image."""
