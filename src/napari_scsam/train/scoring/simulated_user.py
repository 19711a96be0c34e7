"""A user who clicks where a mask is most wrong, as interactive segmentation is judged in the field.

The first click is the deepest point of the object. Each next one is the deepest point of the
largest error (Xu et al. 2016; Sofiiuk et al. 2022; Kirillov et al. 2023).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label

from napari_scsam.infer.patch import Patch, deepest, largest_region, on_one_frame, patch_of


class Click(NamedTuple):
    """The middle of a pixel of the slice."""

    y: int
    x: int
    inside: bool
    """Whether it says "this belongs to it"."""


def objects_of_slice(labels: NDArray[Any], smallest: int) -> list[Patch]:
    """Return the connected regions of one value above 0 in Y×X labels.

    Those of fewer pixels than `smallest` are left out.
    """
    numbers = label(np.maximum(labels, 0), connectivity=2)
    sizes = np.bincount(numbers.ravel())
    places = enumerate(ndimage.find_objects(numbers), start=1)
    return [patch_of(numbers, n, place) for n, place in places if sizes[n] >= smallest]


def next_click(truth: Patch, answer: Patch) -> Click | None:
    """Choose the deepest point of the largest connected error; None when nothing is wrong."""
    (ours, theirs), (y, x) = on_one_frame(answer, truth)
    errors = [(largest_region(theirs & ~ours), True), (largest_region(ours & ~theirs), False)]
    region, inside = max(errors, key=lambda error: error[0].mask.sum())
    if not region.mask.any():
        return None
    row, column = deepest(region)
    return Click(y + row, x + column, inside)
