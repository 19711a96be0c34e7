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
    """Of the class to teach."""
    on_class: bool
    """Whether the brush paints on the class, and not beside it."""
    offered: tuple[ClassSpec, ...]
    """Classes to choose from: taught ones first, then those of the network."""
    taught: tuple[ClassSpec, ...]
    """Classes that strokes taught, or are about to teach; each can be forgotten."""
    possible: bool
    """Whether the network has classes, which teaching builds on."""
