"""What is shown of a run that works outside of the window."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunRow:
    """A run as it is shown."""

    key: str
    name: str
    tip: str
    done: int
    total: int
    """Slices; 0 until it is known."""
    text: str
    """What is on the bar."""
    message: str = ""
    verbs: tuple[str, ...] = ()
    """Words on the buttons."""
