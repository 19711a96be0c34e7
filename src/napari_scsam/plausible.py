"""Which voxel sizes electron microscopy has, and what was meant by others.

A size in the wrong unit is not noticed otherwise: slices are resampled to the network's pixel size,
and the labels are wrong without an error.
"""

from __future__ import annotations

import math

PLAUSIBLE_NM = (0.05, 1_000.0)
"""Range of the pixel sizes along y and x, from half an atom to 1 um.

72, 96 or 300 dpi is a printer's setting, not a pixel size."""

PLAUSIBLE_STEP_NM = (0.05, 10_000.0)
"""Range of the distance between slices, which may be far apart."""

OTHER_UNITS = {"um": 1e3, "mm": 1e6, "m": 1e9, "angstrom": 0.1, "pm": 1e-3}
"""Nanometres in the units that sizes are given in by mistake."""

USUAL_NM = 8.0
"""What a guess should be close to."""


def plausible_range(axis: str) -> tuple[float, float]:
    """Return the smallest and the largest size along an axis (``z``, ``y`` or ``x``), in nm."""
    if axis == "z":
        return PLAUSIBLE_STEP_NM
    return PLAUSIBLE_NM


def is_plausible_along(value: float, axis: str) -> bool:
    """Whether voxels have this size, in nm, along an axis."""
    low, high = plausible_range(axis)
    return low <= value <= high


def is_plausible(size: tuple[float, float, float]) -> bool:
    """Whether there are voxels of this size, nm along z, y, x."""
    return all(is_plausible_along(value, axis) for value, axis in zip(size, "zyx", strict=True))


def guess_of(value: float, axis: str) -> float | None:
    """Return the size in nm that was probably meant; None without a likely one."""
    if is_plausible_along(value, axis):
        return value
    guesses = [value * factor for factor in OTHER_UNITS.values()]
    likely = [guess for guess in guesses if is_plausible_along(guess, axis)]
    if not likely:
        return None
    return min(likely, key=lambda guess: abs(math.log(guess / USUAL_NM)))


def doubt_of_size(size: tuple[float, float, float]) -> str:
    """Return why a voxel size is not plausible, e.g. ``0.005 nm is not plausible (5 nm?)``."""
    shown: tuple[float, ...] = size
    axes = "zyx"
    if size[0] == size[1] == size[2]:
        shown = size[1:2]
        axes = "y"
    text = f"{' x '.join(f'{value:g}' for value in shown)} nm is not plausible"
    guesses = [guess_of(value, axis) for value, axis in zip(shown, axes, strict=True)]
    known = [guess for guess in guesses if guess is not None]
    if len(known) < len(shown):
        return text
    return f"{text} ({' x '.join(f'{guess:.6g}' for guess in known)} nm?)"
