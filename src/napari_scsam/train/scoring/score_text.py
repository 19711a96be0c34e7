"""Scores as text for people, and as plain JSON values for programs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any


def number(value: float | None) -> str:
    """Return a score with three digits, or a dash."""
    if value is None:
        return "–"
    return f"{value:.3f}"


def bracket(ends: Iterable[float] | None) -> str:
    """Return an interval, e.g. ``[0.512, 0.634]``; empty for None."""
    if ends is None:
        return ""
    low, high = ends
    return f"[{low:.3f}, {high:.3f}]"


def counted(count: int, noun: str) -> str:
    """Return ``1 slice``, ``2 slices``."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun}s"


def nan_to_none(value: Any) -> Any:
    """Replace NaN, and lists of nothing else, by None in a JSON value."""
    if isinstance(value, dict):
        return {key: nan_to_none(v) for key, v in value.items()}
    if isinstance(value, list):
        items = [nan_to_none(v) for v in value]
        if items and all(v is None for v in items):
            return None
        return items
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
