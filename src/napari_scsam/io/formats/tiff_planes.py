"""Whether three or four planes in a TIFF page are colours or slices.

By default, tifffile writes a stack of three or four slices as one page with planes of colour. Its
file is the same, byte for byte, as that of a colour image. The pixels tell.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_scsam.io.lazy import Source

COMPARED = 512
"""Rows and columns of a plane that are compared, evenly spread."""

OF_COLOURS = 0.995
"""Correlation of two planes above which they show one thing in two colours.

Slices of EM that are 5 nm apart have 0.95 (hippocampus), and 0.94 at 10 nm (fly medulla).
"""

NOTE = "{} holds {} planes that differ like slices, so they were taken as slices, not as colours"


def as_slices(source: Source, tif: tifffile.TiffFile, path: Path) -> Source:
    """Return a source whose planes are slices, where tifffile may have called slices colours.

    Planes that are equal, or all but equal, stay colours.
    """
    if not may_be_slices(tif) or not differ_like_slices(source.array):
        return source
    note = NOTE.format(path, source.array.shape[0])
    return replace(source, axes="zyx", notes=(*source.notes, note))


def may_be_slices(tif: tifffile.TiffFile) -> bool:
    """Whether the first image is (S, Y, X), written by tifffile without a word on its axes."""
    series = tif.series[0]
    if series.axes != "SYX" or not tif.is_shaped:
        return False
    return not any("axes" in record for record in tif.shaped_metadata or ())


def differ_like_slices(array: Any) -> bool:
    """Whether no two planes of (S, Y, X) are nearly a multiple of each other."""
    step = max(1, max(array.shape[-2:]) // COMPARED)
    planes = [np.asarray(array[i])[::step, ::step].ravel() for i in range(array.shape[0])]
    return not any(show_the_same(one, other) for one, other in combinations(planes, 2))


def show_the_same(one: Any, other: Any) -> bool:
    """Whether two planes are equal, or their correlation is that of colours."""
    if np.array_equal(one, other):
        return True
    first, second = (plane - plane.mean(dtype=np.float64) for plane in (one, other))
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return norms > 0 and abs(float(first @ second)) > OF_COLOURS * norms
