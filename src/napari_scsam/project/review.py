"""What a person has looked at, slice by slice. What nobody has reviewed is unknown, never background."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.io.array_keys import Points, parse_key
from napari_scsam.io.saved_array import SavedArray


@dataclass(frozen=True)
class SliceReview:
    """How far one slice is."""

    size: int
    """Its pixels."""
    reviewed: int
    """Pixels that a person has looked at."""
    found: Mapping[int, int]
    """Pixels of each label value, background left out."""
    kept: Mapping[int, int]
    """The same among the reviewed pixels."""

    @property
    def share(self) -> float:
        """Share of the slice that is reviewed, 0 to 1."""
        return self.reviewed / self.size


def review_slice(labels: NDArray[Any], reviewed: NDArray[Any]) -> SliceReview:
    """Count one slice: (Y, X) label values and the (Y, X) mask."""
    inside = reviewed != 0
    return SliceReview(
        labels.size,
        int(np.count_nonzero(inside)),
        count_values(labels),
        count_values(labels[inside]),
    )


def count_values(labels: NDArray[Any]) -> dict[int, int]:
    """Count each label value but 0, looking once at all pixels."""
    if labels.dtype.kind == "u" and labels.dtype.itemsize <= 2:
        counts = np.bincount(labels.ravel())
        return {int(value): int(counts[value]) for value in np.nonzero(counts)[0] if value}
    values, numbers = np.unique(labels, return_counts=True)
    return {int(value): int(number) for value, number in zip(values, numbers, strict=True) if value}


def review_steps(
    labels: SavedArray, reviewed: SavedArray
) -> Generator[tuple[int, SliceReview], None, None]:
    """Go through the slices that hold a label or a mark; a 2-D image is slice 0."""
    if labels.ndim == 2:
        yield 0, review_slice(labels[...], reviewed[...])
        return
    for z in sorted({*labels.touched(), *reviewed.touched()}):
        yield z, review_slice(labels[z], reviewed[z])


def find_reviewed(labels: Path) -> Path | None:
    """Find the mask that belongs to a label file of a project or of a training set; None when there is none."""
    if labels.is_dir():
        candidates = [labels.parent / "reviewed", labels / "labels" / "reviewed"]
    else:
        candidates = [labels.with_name("reviewed.tif")] if labels.name == "labels.tif" else []
    return next((path for path in candidates if path.exists() and path != labels), None)


class Outlines:
    """The outlines of a mask, computed for the plane that is asked for; looks like an array of the mask's shape.

    An outline lies inside the mask, so that a slice which is reviewed as a whole has a frame.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, mask: SavedArray) -> None:
        self.mask = mask
        self.shape = mask.shape
        self.ndim = mask.ndim
        self.size = mask.size
        self.width = max(1, max(mask.shape) // 400)
        """Of a line, in voxels: to be seen when the whole image is."""

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        found = parse_key(key, self.shape)
        values: NDArray[np.uint8] = (self.mask[key] != 0).astype(np.uint8)
        if isinstance(found, Points) or len(found.value_shape) != 2 or values.ndim != 2:
            return values
        return outline(values, self.width)


def outline(mask: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Keep of a (rows, columns) mask what is nearer than `width` to its edge or the picture's."""
    if not mask.any():
        return mask
    inner = np.zeros_like(mask)
    if min(mask.shape) > 2 * width:
        inner[width:-width, width:-width] = (
            mask[2 * width :, width:-width]
            & mask[: -2 * width, width:-width]
            & mask[width:-width, 2 * width :]
            & mask[width:-width, : -2 * width]
        )
        inner &= mask
    return mask - inner
