"""What propagating an object from slice to slice is limited by, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from napari_scsam.config import VoxelSize
from napari_scsam.infer.patch import Patch
from napari_scsam.steps import Progress, Steps

S = TypeVar("S")


@dataclass(frozen=True)
class PropagationLimits:
    """When propagation of an object stops."""

    overlap: float = 0.4
    """Smallest IoU of its masks on two neighbouring slices."""
    similarity: float = 0.8
    """Smallest cosine of its mean feature with that on the slice where it was accepted."""
    certainty: float = 0.5
    """Smallest `Section.certainty`."""
    smallest: int = 12
    """Smallest area in pixels."""
    max_shift: int = 6
    """Most pixels by which its border moves from one slice to the next."""

    def at(self, voxel_size: VoxelSize | None) -> PropagationLimits:
        """Return the limits for a voxel size (nm across, along rows and columns).

        Where slices are thick, the border may move by three times their thickness.
        """
        if voxel_size is None:
            return self
        pixels = round(3 * voxel_size[0] / min(voxel_size[1:]))
        return replace(self, max_shift=max(self.max_shift, pixels))


@dataclass(frozen=True)
class Section:
    """The object on one more slice."""

    position: int
    """Index of the slice."""
    patch: Patch
    """Its mask on that slice."""
    overlap: float
    """IoU with its mask on the previous slice."""
    similarity: float
    """Cosine of its mean feature with that on the first slice."""
    certainty: float
    """Mean rise of the logits above the border, relative to the first slice."""


@dataclass(frozen=True)
class Propagation:
    """The result of propagating an object in one direction."""

    sections: tuple[Section, ...]
    """The slices on which it was found, in order."""
    stopped_at: int | None
    """The first slice on which it was not found; None at the last slice."""
    reason: str
    """Why it stopped, for the user."""


def follow_sections(
    find_steps: Callable[[int, S], Steps[Section]],
    beyond: Iterable[tuple[int, S]],
    count: int,
    limits: PropagationLimits,
) -> Steps[Propagation]:
    """Find an object on slice after slice until it ends; can be closed between two.

    Parameters
    ----------
    find_steps
        Finds the object on a slice, by its index.
    beyond
        The next slices and their indices, nearest first; read one by one.
    count
        Most slices in `beyond`, for the progress bar.
    limits
        When propagation stops.
    """
    sections = list[Section]()
    for done, (position, slice_) in enumerate(beyond):
        yield Progress(done, count, f"propagating the object to slice {position}")
        section = yield from find_steps(position, slice_)
        reason = stop_reason(section, limits)
        if reason:
            return Propagation(tuple(sections), position, reason)
        sections.append(section)
    return Propagation(tuple(sections), None, "no more slices")


def stop_reason(section: Section, limits: PropagationLimits) -> str:
    """Return why propagation stops, for the user; empty when it continues."""
    if section.patch.mask.sum() < limits.smallest:
        return "it ends"
    if section.overlap < limits.overlap:
        return f"its outline changes too much ({100 * section.overlap:.0f} % overlap)"
    if section.similarity < limits.similarity:
        return f"it looks different ({100 * section.similarity:.0f} % similarity)"
    if section.certainty < limits.certainty:
        return f"the network is less certain ({100 * section.certainty:.0f} % of the first slice)"
    return ""
