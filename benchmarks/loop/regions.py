"""Connected regions of a mask, with what it takes to paint them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_scsam.objects.components import label_components

Mask = NDArray[np.bool_]
Place = tuple[slice, slice]

CROFTON = math.pi / 4
"""Length of a smooth outline for each side of a pixel along it (Cauchy–Crofton)."""


@dataclass(frozen=True, eq=False)
class Region:
    """One connected region of a slice."""

    place: Place
    """The smallest rectangle around it."""
    mask: Mask
    """The region on this rectangle."""
    area: int
    """Pixels."""
    perimeter: float
    """Pixels along its outline."""
    edge: float
    """The part of it that is the edge of an object in the truth."""


def regions(mask: Mask, truth: Mask) -> list[Region]:
    """Return the connected regions of a Y×X mask, on a slice with a Y×X truth."""
    numbers = np.pad(label_components(mask), 1)
    around = np.pad(truth, 1, mode="edge")
    places = ndimage.find_objects(numbers)
    return [region_of(numbers, n, around, place) for n, place in enumerate(places, 1)]


def region_of(numbers: NDArray[np.int32], number: int, truth: Mask, place: Place) -> Region:
    """Measure a numbered region, given its place, on a slice that is padded by one pixel."""
    frame = moved(place, -1, 1)
    mask = numbers[frame] == number
    outline = sides(mask)
    edges = sides(truth[frame])
    perimeter = sum(int(np.count_nonzero(along)) for along in outline)
    edge = sum(int(np.count_nonzero(a & b)) for a, b in zip(outline, edges, strict=True))
    own = mask[1:-1, 1:-1]
    return Region(moved(place, -1, -1), own, int(own.sum()), CROFTON * perimeter, CROFTON * edge)


def moved(place: Place, start: int, stop: int) -> Place:
    """Move both ends of a rectangle, along both axes."""
    rows, columns = place
    return (
        slice(rows.start + start, rows.stop + stop),
        slice(columns.start + start, columns.stop + stop),
    )


def sides(mask: Mask) -> tuple[Mask, Mask]:
    """Return the sides between two pixels of which one is in the mask, down and along."""
    return mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
