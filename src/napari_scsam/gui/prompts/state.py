"""What the panel for one object shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_scsam.config import ClassSpec
    from napari_scsam.infer.patch import Patch


@dataclass(frozen=True)
class PromptState:
    """What the panel for one object shows; the tool fills it in."""

    active: bool
    """Whether prompts are being drawn."""
    kind: str
    """Name of the `PromptKind` that the next click or drag draws."""
    inside: bool
    """Whether the next marks are inside the object."""
    target: ClassSpec | None
    """The class that objects are added to."""
    found: Patch | None
    """The object found; its mask is empty when nothing was found at the marks."""
    max_slices: int
    """Slices on each side that an object is propagated through at most."""
    ends: tuple[int, ...]
    """Slices at which the object propagated last stopped, at most two."""
