"""A mask on a part of a slice, and the geometry that clicks and propagated objects need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from napari_scsam.objects.components import label_components

MIN_RELATIVE_AREA = 0.1
"""Share of the largest region of an object below which other regions are removed as errors."""


class Patch(NamedTuple):
    """A mask on a part of a slice; outside the part it is empty."""

    mask: NDArray[np.bool_]
    y: int
    x: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Its edges (x0, y0, x1, y1) in pixels of the slice."""
        return self.x, self.y, self.x + self.mask.shape[1], self.y + self.mask.shape[0]


def agreement(truth: Patch, answer: Patch) -> float:
    """Return the IoU of two masks, one of which is not empty."""
    (ours, theirs), _ = on_one_frame(answer, truth)
    return float((ours & theirs).sum() / (ours | theirs).sum())


def on_one_frame(
    first: Patch, second: Patch
) -> tuple[tuple[NDArray[np.bool_], NDArray[np.bool_]], tuple[int, int]]:
    """Pad two masks to the smallest rectangle around both; return them and its corner (y, x)."""
    x0, y0 = np.minimum(first.box[:2], second.box[:2]).tolist()
    x1, y1 = np.maximum(first.box[2:], second.box[2:]).tolist()
    ours, theirs = (
        np.pad(p.mask, ((p.y - y0, y1 - p.box[3]), (p.x - x0, x1 - p.box[2])))
        for p in (first, second)
    )
    return (ours, theirs), (y0, x0)


def crop(patch: Patch) -> Patch:
    """Remove the empty border; an empty patch gets no size."""
    rows, columns = (np.flatnonzero(patch.mask.any(axis)) for axis in (1, 0))
    if not rows.size:
        return Patch(patch.mask[:0, :0], patch.y, patch.x)
    inside = patch.mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Patch(inside, patch.y + int(rows[0]), patch.x + int(columns[0]))


def remove_small_components(patch: Patch, points: Sequence[tuple[float, float]] = ()) -> Patch:
    """Remove regions that are small compared with the largest.

    Regions that contain one of the points (x, y) of the slice are kept.
    """
    numbers = label_components(patch.mask)
    if numbers.max(initial=0) < 2:
        return patch
    sizes = np.bincount(numbers.ravel())
    kept = sizes >= MIN_RELATIVE_AREA * sizes[1:].max()
    for x, y in points:
        row = round(y) - patch.y
        column = round(x) - patch.x
        if 0 <= row < numbers.shape[0] and 0 <= column < numbers.shape[1]:
            kept[numbers[row, column]] = True
    kept[0] = False
    return patch._replace(mask=kept[numbers])


def largest_region(mask: NDArray[np.bool_]) -> Patch:
    """Return the largest connected region; an empty patch when there is none."""
    numbers = label_components(mask)
    if not numbers.any():
        return Patch(mask[:0, :0], 0, 0)
    best = int(np.bincount(numbers.ravel())[1:].argmax()) + 1
    return patch_of(numbers, best, scipy.ndimage.find_objects(numbers)[best - 1])


def patch_of(numbers: NDArray[Any], number: int, place: tuple[slice, slice]) -> Patch:
    """Return one numbered region of a slice."""
    return Patch(numbers[place] == number, place[0].start, place[1].start)


def deepest(region: Patch) -> tuple[int, int]:
    """Find the pixel (y, x) farthest from the outside, which includes all beyond the patch."""
    depth = scipy.ndimage.distance_transform_edt(np.pad(region.mask, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return region.y + int(row), region.x + int(column)
