"""Sort the pixels that are wrongly called mitochondrion by what they look like.

Each connected region of them is of one kind: the rim of a true mitochondrion, a dark and even
region (dark bodies, chromatin, thick sheaths), a long band (sheaths, folds), or something else.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_scsam.config import ClassSpec

KINDS = (
    ClassSpec(1, "rim", "#f2b134"),
    ClassSpec(2, "dark_and_even", "#e0302a"),
    ClassSpec(3, "band", "#b04fd8"),
    ClassSpec(4, "other", "#2ca02c"),
    ClassSpec(5, "missed", "#3a6fe0"),
)

RIM = 0.25
"""A region is a rim when that share of it lies within `NEAR` pixels of a true mitochondrion."""

NEAR = 4
"""Pixels."""

BAND = 4.0
"""Length over width from which a region is a band."""


def kinds_of(
    found: NDArray[np.bool_], truth: NDArray[np.bool_], grey: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Return the id of the kind of each wrong pixel, 0 where none is: all arrays are Y×X."""
    kinds = np.where(truth & ~found, 5, 0).astype(np.uint8)
    regions = ndimage.label(found & ~truth)[0]
    near = ndimage.binary_dilation(truth, iterations=NEAR)
    level, grain = look_of(grey, truth)
    for number, place in enumerate(ndimage.find_objects(regions), 1):
        region = regions[place] == number
        kinds[place][region] = kind_of(region, near[place], grey[place], (level, grain))
    return kinds


def look_of(grey: NDArray[np.float32], where: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the median and the spread of grey values somewhere; 0 and 0 of no pixel."""
    values = grey[where]
    if not values.size:
        return 0.0, 0.0
    return float(np.median(values)), float(values.std())


def kind_of(
    region: NDArray[np.bool_],
    near: NDArray[np.bool_],
    grey: NDArray[np.float32],
    usual: tuple[float, float],
) -> int:
    """Return the id of the kind of one region, by its place, shape and look.

    `usual` is the level and the spread of true mitochondria.
    """
    if near[region].mean() > RIM:
        return 1
    if elongation(region) > BAND:
        return 3
    level, grain = look_of(grey, region)
    if level < usual[0] and grain < usual[1]:
        return 2
    return 4


def elongation(region: NDArray[np.bool_]) -> float:
    """Return the length of a region over its mean width.

    The width is twice the mean of the largest distances to the edge.
    """
    depth = ndimage.distance_transform_edt(np.pad(region, 1))
    width = 2 * float(depth.max())
    return float(region.sum()) / width**2


def shares(kinds: NDArray[np.uint8], truth: NDArray[np.bool_]) -> Mapping[str, float]:
    """Return the pixels of each kind, in those of the true mitochondria."""
    total = max(1, int(truth.sum()))
    return {spec.name: float((kinds == spec.id).sum()) / total for spec in KINDS}
