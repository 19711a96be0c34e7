"""What a person has reviewed, slice by slice. Everything else is unknown, never background."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.io.saved.anchored_store import UnreadableError
from napari_scsam.io.saved.array_keys import VoxelKey, parse_key
from napari_scsam.io.saved.saved_array import SavedArray


@dataclass(frozen=True)
class SliceReview:
    """The review of one slice."""

    size: int
    """Number of pixels."""
    reviewed: int
    """Pixels that a person has reviewed."""
    found: Mapping[int, int]
    """Pixels of each label value, without background."""
    kept: Mapping[int, int]
    """The same among the pixels that are reviewed for that class."""
    numbers: Mapping[int, int] = field(default_factory=dict)
    """Pixels of each value of the review mask above 0: which classes it is reviewed for."""

    @property
    def share(self) -> float:
        """Share of the slice that is reviewed, 0 to 1."""
        return self.reviewed / self.size


def review_slice(
    labels: NDArray[Any],
    reviewed: NDArray[Any],
    meanings: Mapping[int, Collection[int]] | None = None,
) -> SliceReview:
    """Count one slice.

    Parameters
    ----------
    labels, reviewed
        (Y, X) label values, and the review mask.
    meanings
        Class ids that values of the mask stand for; other values stand for every class.
    """
    numbers = count_values(reviewed)
    kept: dict[int, int] = {}
    for number in numbers:
        found = count_values(labels[reviewed == number])
        meant = (meanings or {}).get(number, found)
        for value in found.keys() & set(meant):
            kept[value] = kept.get(value, 0) + found[value]
    return SliceReview(labels.size, sum(numbers.values()), count_values(labels), kept, numbers)


def count_values(labels: NDArray[Any]) -> dict[int, int]:
    """Count each label value except 0, in one pass."""
    if labels.dtype.kind == "u" and labels.dtype.itemsize <= 2:
        counts = np.bincount(labels.ravel())
        return {int(value): int(counts[value]) for value in np.nonzero(counts)[0] if value}
    values, numbers = np.unique(labels, return_counts=True)
    return {int(value): int(number) for value, number in zip(values, numbers, strict=True) if value}


def review_steps(
    labels: SavedArray,
    reviewed: SavedArray,
    meanings: Mapping[int, Collection[int]] | None = None,
) -> Generator[tuple[int, SliceReview], None, None]:
    """Yield the review of each slice with a label or a mark; a 2-D image is slice 0.

    Slices that cannot be read are left out. `meanings` is as in `review_slice`.
    """
    keys: list[Any] = [...]
    if labels.ndim == 3:
        keys = sorted({*labels.touched(), *reviewed.touched()})
    for key in keys:
        try:
            found = review_slice(labels[key], reviewed[key], meanings)
        except UnreadableError:
            continue
        yield 0 if key is ... else key, found


def find_reviewed(labels: Path) -> Path | None:
    """Find the review mask of labels in a project or a training set; None when there is none."""
    candidates: list[Path] = []
    if labels.is_dir():
        candidates = [labels.parent / "reviewed", labels / "labels" / "reviewed"]
    elif labels.name == "labels.tif":
        candidates = [labels.with_name("reviewed.tif")]
    return next((path for path in candidates if path.exists() and path != labels), None)


class Outlines:
    """The outlines of a mask, computed for the plane that is read; an array of the mask's shape.

    An outline is inside the mask, so that a slice which is reviewed as a whole has a frame.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, mask: SavedArray | NDArray[Any]) -> None:
        self.mask = mask
        self._shown = mask.shown() if isinstance(mask, SavedArray) else mask
        self.shape = mask.shape
        self.ndim = mask.ndim
        self.size = mask.size
        self.width = max(1, max(mask.shape) // 400)
        """Width of a line in voxels: it is visible when the whole image is."""

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        found = parse_key(key, self.shape)
        values: NDArray[np.uint8] = (self._shown[key] != 0).astype(np.uint8)
        if isinstance(found, VoxelKey) or len(found.value_shape) != 2 or values.ndim != 2:
            return values
        return outline(values, self.width)


def outline(mask: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Return the part of a (rows, columns) mask within `width` of its edge or the picture's."""
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
