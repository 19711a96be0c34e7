"""What the panel for teaching shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_scsam.config import ClassSpec


@dataclass(frozen=True)
class TeachState:
    """What the panel for teaching shows; the tool fills it in."""

    active: bool
    """Whether strokes are being painted."""
    name: str
    """Of the class being taught, or that would be."""
    on_class: bool
    """Whether the brush paints on the class, and not beside it."""
    spec: ClassSpec | None
    """The class being taught, which may be new to the network."""
    taught: tuple[ClassSpec, ...]
    """Classes that strokes taught, or are about to teach; each can be forgotten."""
    possible: bool
    """Whether the network has classes, which teaching builds on."""
