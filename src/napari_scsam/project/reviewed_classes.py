"""Which classes a review speaks of.

The review mask holds a number above 0 where a person has looked. The record of the project says
which classes each number stands for. Of other classes, the labels there say nothing. A number
without an entry stands for every class: that is what reviews meant before this was recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.io.saved.anchored_store import MissingStoreError, UnreadableError
from napari_scsam.project.project import REVIEWED, Project

LARGEST_NUMBER = 255
"""The mask has one byte a voxel."""

LEGACY = 1
"""What the mask held wherever a person had looked, before classes were recorded."""


@dataclass(frozen=True)
class ReviewedPart:
    """Everything in a project that was reviewed for the same classes."""

    classes: tuple[int, ...]
    """Their ids."""
    numbers: tuple[int, ...]
    """Values of the mask that stand for them."""
    slices: Mapping[int, int]
    """Reviewed pixels of each slice that has any."""

    @property
    def pixels(self) -> int:
        """Reviewed pixels of all slices."""
        return sum(self.slices.values())


def every_class(project: Project) -> tuple[int, ...]:
    """Return the ids of all classes in the table of a project."""
    return tuple(sorted(spec.id for spec in project.class_table()))


def recorded_classes(project: Project) -> dict[int, tuple[int, ...]]:
    """Return the ids of the classes that each recorded value of the mask stands for."""
    return {int(number): ids for number, ids in project.record.reviewed_classes.items()}


def classes_of_number(project: Project, number: int) -> tuple[int, ...]:
    """Return the ids of the classes that a value of the mask stands for."""
    return recorded_classes(project).get(number, every_class(project))


def number_of_classes(project: Project, ids: Collection[int]) -> int:
    """Return the value of the mask for a review of these classes; it is recorded when it is new.

    The record is written before the mask, so that no value of the mask lacks its meaning.

    Raises
    ------
    UserError
        When the project has reviews for too many different choices of classes.
    """
    wanted = tuple(sorted(set(ids)))
    recorded = recorded_classes(project)
    if not recorded and _has_reviews(project):
        recorded[LEGACY] = every_class(project)
    for number, stored in recorded.items():
        if stored == wanted:
            return number
    free = (n for n in range(1, LARGEST_NUMBER + 1) if n not in recorded)
    number = next(free, 0)
    if not number:
        raise UserError(
            f"slices were reviewed for {LARGEST_NUMBER} different choices of classes; "
            "use one of these again"
        )
    recorded[number] = wanted
    project.update(reviewed_classes={str(number): ids for number, ids in recorded.items()})
    return number


def _has_reviews(project: Project) -> bool:
    """Whether anything is reviewed; what cannot be read, or not now, may be."""
    try:
        return any(mask.any() for _, mask in reviewed_slices(project))
    except (UnreadableError, MissingStoreError):
        return True


def reviewed_slices(project: Project) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield each slice that may be reviewed, and its (Y, X) mask; a 2-D image is slice 0."""
    mask = project.intact(REVIEWED)
    if mask.ndim == 2:
        yield 0, mask[...]
        return
    for z in sorted(mask.touched()):
        yield z, mask[z]


def gather_parts(project: Project, counts: Mapping[int, Mapping[int, int]]) -> list[ReviewedPart]:
    """Divide what is reviewed by the classes that it was reviewed for, the most pixels first.

    Parameters
    ----------
    counts
        For each slice, the pixels of each value of the mask.
    """
    numbers: dict[tuple[int, ...], set[int]] = {}
    slices: dict[tuple[int, ...], dict[int, int]] = {}
    for z, found in counts.items():
        for number, pixels in found.items():
            ids = classes_of_number(project, number)
            numbers.setdefault(ids, set()).add(number)
            pixels_of = slices.setdefault(ids, {})
            pixels_of[z] = pixels_of.get(z, 0) + pixels
    parts = [ReviewedPart(ids, tuple(sorted(numbers[ids])), slices[ids]) for ids in slices]
    return sorted(parts, key=lambda part: -part.pixels)


def painted_classes(labels: NDArray[Any], predicted: NDArray[Any]) -> set[int]:
    """Return the classes that differ from what the model wrote: those that a person changed."""
    changed = labels != predicted
    if not changed.any():
        return set()
    values = {*np.unique(labels[changed]).tolist(), *np.unique(predicted[changed]).tolist()}
    return {int(value) for value in values} - {0}
