"""What a run does: which slices, which part of them, and how their logits are averaged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.volume.mask import Mask

SMALL_STEP = 10.0
"""nm between slices up to which the logits of neighbours are averaged, if nothing else is said."""


@dataclass(frozen=True)
class RunPlan:
    """What a run does."""

    slices: tuple[int, ...]
    """The slices to label, in order."""
    window: tuple[slice, slice]
    """The rows and columns of them."""
    whole: bool
    """Whether that is all of the volume."""
    average_z: bool = False
    """Whether the logits of neighbouring slices are averaged, with weights 1, 2 and 1."""
    probabilities: bool = False
    """Whether probabilities are written beside the labels."""
    mask: Mask | None = None
    """The voxels that are labelled, of this part; all when not given."""
    axes: int = 1
    """Axes along which slices are labelled and averaged: 1 for z alone, or 3."""

    @property
    def reach(self) -> int:
        """Slices on each side whose logits are averaged with those of a slice."""
        return 1 if self.average_z else 0

    def settings(self) -> dict[str, Any]:
        """Return what differs from an ordinary run, as plain JSON values."""
        settings: dict[str, Any] = {}
        if not self.whole:
            rows, columns = self.window
            settings["slices"] = list(self.slices)
            settings["region"] = [rows.start, rows.stop, columns.start, columns.stop]
        if self.average_z:
            settings["average_z"] = True
        if self.probabilities:
            settings["probabilities"] = True
        if self.mask is not None:
            settings["mask"] = self.mask.digest
        if self.axes > 1:
            settings["axes"] = self.axes
        return settings


def plan_run(
    shape: Sequence[int],
    slices: Sequence[int] | None = None,
    region: str | None = None,
    *,
    average_z: bool = False,
    probabilities: bool = False,
) -> RunPlan:
    """Check what is to be labelled.

    Parameters
    ----------
    shape
        Of the volume, (Y, X) or (Z, Y, X).
    slices
        Numbers of slices; all when not given.
    region
        ``z0:z1,y0:y1,x0:x1``, or ``y0:y1,x0:x1``; ends are not part of it, and may be left out.
    average_z, probabilities
        As in `RunPlan`.

    Raises
    ------
    UserError
        When there are no such slices, or no such region.
    """
    depth = shape[0] if len(shape) == 3 else 1
    chosen = range(depth)
    window = (slice(0, shape[-2]), slice(0, shape[-1]))
    if region is not None:
        chosen, window = _parse_region(region, (depth, shape[-2], shape[-1]))
    wanted = tuple(chosen)
    if slices is not None:
        inside = set(chosen)
        wanted = tuple(z for z in _inside(slices, depth) if z in inside)
    if not wanted:
        raise UserError("no slice is both in the slices and in the region; choose others")
    whole = len(wanted) == depth and window == (slice(0, shape[-2]), slice(0, shape[-1]))
    return RunPlan(wanted, window, whole, average_z and depth > 1, probabilities)


def _inside(numbers: Sequence[int], depth: int) -> list[int]:
    """Return slices in order, each once."""
    outside = [z for z in numbers if not 0 <= z < depth]
    if outside:
        raise UserError(f"the volume has no slice {outside[0]}; its slices are 0 to {depth - 1}")
    if not numbers:
        raise UserError("no slice is named; name at least one")
    return sorted(set(map(int, numbers)))


def _parse_region(text: str, shape: tuple[int, int, int]) -> tuple[range, tuple[slice, slice]]:
    parts = text.split(",")
    if len(parts) not in (2, 3):
        raise UserError(f"{text!r} is not a region; give z0:z1,y0:y1,x0:x1 in voxels")
    spans = [
        _span(part, size, axis)
        for part, size, axis in zip(parts, shape[-len(parts) :], "zyx"[-len(parts) :], strict=True)
    ]
    z = spans[0] if len(parts) == 3 else range(shape[0])
    rows, columns = spans[-2:]
    return z, (slice(rows.start, rows.stop), slice(columns.start, columns.stop))


def _span(text: str, size: int, axis: str) -> range:
    """Read ``A:B``, with B not part of it; either may be left out."""
    match = re.fullmatch(r"\s*(\d*)\s*:\s*(\d*)\s*", text)
    if match is None:
        raise UserError(f"{text!r} is not a range along {axis}; give two numbers such as 10:20")
    first = int(match[1] or 0)
    last = int(match[2] or size)
    if not 0 <= first < last <= size:
        raise UserError(
            f"{text.strip()} along {axis} is empty or outside of the volume; "
            f"give a part of 0:{size}"
        )
    return range(first, last)


def averages_by_itself(shape: Sequence[int], voxel_size: VoxelSize | None) -> bool:
    """Whether the logits of neighbouring slices are averaged when nobody says so.

    They are where slices are at most `SMALL_STEP` apart, so that neighbours show nearly the same.
    """
    return (
        len(shape) == 3
        and shape[0] > 1
        and voxel_size is not None
        and (voxel_size[0] <= SMALL_STEP)
    )
