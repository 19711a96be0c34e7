"""Which reviewed regions are kept from training, to judge it by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.train.finetune.known_labels import UNKNOWN

EVERY = 5
"""One in so many cells is held out."""

FEWEST_CELLS = 4
"""Along each side of a slice."""

ALIKE = 4
"""Reviewed slices after which other cells are held out."""

SliceWindow = tuple[slice, slice]
"""Rows and columns of a slice."""


@dataclass(frozen=True)
class HeldOutRegion:
    """A part of a reviewed slice."""

    place: int
    """Place of the slice among those reviewed."""
    window: SliceWindow

    def of(self, planes: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return its pixels."""
        return planes[self.place][self.window]


def choose_held_out(
    targets: Sequence[NDArray[np.uint8]], sides: tuple[float, float]
) -> tuple[HeldOutRegion, ...]:
    """Choose the regions to hold out; they are never empty.

    Cells of all slices are held out, so that they show the whole volume. Each stays the same on
    several slices: neighbouring slices are alike, and what is learned from one is seen on the next.
    Every class is found both in the cells and in the rest, if that can be.

    Parameters
    ----------
    targets
        Y×X targets of each reviewed slice, from `known_targets`.
    sides
        About those of a cell, (y, x) in pixels.

    Raises
    ------
    UserError
        When too little is reviewed to hold anything out.
    """
    choices = [choose_cells(targets, sides, first) for first in range(EVERY)]
    usable = [held for held in choices if is_usable(targets, held)]
    if not usable:
        raise UserError(
            "too little is reviewed to train on one part and judge by another; review another slice"
        )
    return max(usable, key=partial(worth, targets))


def choose_cells(
    targets: Sequence[NDArray[np.uint8]], sides: tuple[float, float], first: int
) -> tuple[HeldOutRegion, ...]:
    """Take one in five of the reviewed cells of all slices, a knight's move apart."""
    chosen = []
    for place, plane in enumerate(targets):
        rows, columns = (
            cell_edges(length, side) for length, side in zip(plane.shape, sides, strict=True)
        )
        start = first + 2 * (place // ALIKE)
        for row, down in enumerate(rows):
            for column, along in enumerate(columns):
                if (start + row + 2 * column) % EVERY == 0 and is_known(plane[down, along]):
                    chosen.append(HeldOutRegion(place, (down, along)))
    return tuple(chosen)


def cell_edges(length: int, side: float) -> list[slice]:
    """Divide a length into equal cells, about as long as a side."""
    count = max(FEWEST_CELLS, round(length / side))
    edges = np.linspace(0, length, count + 1).astype(int).tolist()
    return [slice(start, stop) for start, stop in pairwise(edges)]


def worth(targets: Sequence[NDArray[np.uint8]], held: Sequence[HeldOutRegion]) -> tuple[int, float]:
    """Return what a choice goes by: classes on both sides, then how typical the regions are.

    Regions are typical whose share of the labelled pixels is near to their share of the cells.
    """
    inside = sum(count_labelled(region.of(targets)) for region in held)
    share = inside / max(1, sum(map(count_labelled, targets)))
    return classes_on_both_sides(targets, held), -abs(share - 1 / EVERY)


def count_labelled(targets: NDArray[np.uint8]) -> int:
    """Count the pixels of labelled classes."""
    return int(((targets != 0) & (targets != UNKNOWN)).sum())


def is_known(targets: NDArray[np.uint8]) -> bool:
    """Whether any pixel is reviewed."""
    return bool((targets != UNKNOWN).any())


def is_usable(targets: Sequence[NDArray[np.uint8]], held: Sequence[HeldOutRegion]) -> bool:
    """Whether something is reviewed both in the regions and beside them."""
    return any(is_known(region.of(targets)) for region in held) and any(
        map(is_known, without(targets, held))
    )


def classes_on_both_sides(
    targets: Sequence[NDArray[np.uint8]], held: Sequence[HeldOutRegion]
) -> int:
    """Count the labelled classes that are found both in the regions and beside them."""
    inside = labelled([region.of(targets) for region in held])
    return len(inside & labelled(without(targets, held)))


def labelled(targets: Sequence[NDArray[np.uint8]]) -> set[int]:
    """Return the numbers of the labelled classes that occur."""
    found: set[int] = set()
    for plane in targets:
        found.update(np.unique(plane).tolist())
    return found - {0, UNKNOWN}


def without(
    targets: Sequence[NDArray[np.uint8]], held: Sequence[HeldOutRegion]
) -> list[NDArray[np.uint8]]:
    """Return copies of the targets that are unknown in the regions."""
    left = [plane.copy() for plane in targets]
    for region in held:
        region.of(left)[...] = UNKNOWN
    return left


def evenly(regions: Sequence[HeldOutRegion], count: int) -> list[HeldOutRegion]:
    """Choose at most so many regions, evenly spread."""
    if len(regions) <= count:
        return list(regions)
    places = np.linspace(0, len(regions) - 1, count).round().astype(int)
    return [regions[place] for place in places.tolist()]


def representative(
    targets: Sequence[NDArray[np.uint8]], regions: Sequence[HeldOutRegion], count: int
) -> list[HeldOutRegion]:
    """Choose about so many regions, evenly spread, that show every labelled class."""
    chosen = evenly(regions, count)
    shown = labelled([region.of(targets) for region in chosen])
    for region in regions:
        here = labelled([region.of(targets)])
        if here - shown:
            chosen.append(region)
            shown |= here
    return chosen
