"""What a project has to train on: slices and classes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from napari_scsam.project.reviewed_classes import ReviewedPart


@dataclass(frozen=True)
class TrainingPlan:
    """What a project has to train on."""

    classes: tuple[int, ...]
    """Ids of the classes that will be labelled; the others are unknown."""
    whole: int
    """Slices that are reviewed as a whole for all of them."""
    parts: int
    """Slices that are reviewed in part."""

    @property
    def slices(self) -> int:
        """Slices with something to learn from."""
        return self.whole + self.parts


def choose_classes(parts: Sequence[ReviewedPart]) -> tuple[int, ...]:
    """Choose the classes to train on, where slices were reviewed for different ones.

    Only what was reviewed for all chosen classes can be used. The choice weighs the pixels that
    it can use by the root of how many classes they teach.
    """
    choices = {part.classes for part in parts if part.classes}
    if parts:
        common = set.intersection(*(set(part.classes) for part in parts))
        if common:
            choices.add(tuple(sorted(common)))

    def worth(ids: tuple[int, ...]) -> float:
        usable = sum(part.pixels for part in parts if set(ids) <= set(part.classes))
        return float(usable * len(ids) ** 0.5)

    return max(sorted(choices), key=worth, default=())


def _reviewed_pixels(parts: Sequence[ReviewedPart], ids: Collection[int]) -> dict[int, int]:
    """Return how many pixels of each slice were reviewed for all of some classes."""
    pixels: dict[int, int] = {}
    for part in parts:
        if set(ids) <= set(part.classes):
            for z, count in part.slices.items():
                pixels[z] = pixels.get(z, 0) + count
    return pixels


def plan_training(
    parts: Sequence[ReviewedPart], ids: Collection[int], plane_size: int
) -> TrainingPlan:
    """Count the slices that were reviewed for all of some classes.

    Parameters
    ----------
    parts
        From `gather_parts`.
    ids
        The classes.
    plane_size
        Pixels of a slice.
    """
    pixels = _reviewed_pixels(parts, ids)
    whole = sum(count >= plane_size for count in pixels.values())
    return TrainingPlan(tuple(sorted(ids)), whole, len(pixels) - whole)
