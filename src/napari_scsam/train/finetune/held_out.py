"""Which reviewed regions are kept from training, to judge it by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.train.finetune.known_labels import UNKNOWN

EVERY_SLICE, EVERY_BLOCK = 6, 4
"""One in about so many slices, or blocks, is held out."""

FEWEST_SLICES = 4
"""Of fewer reviewed slices, blocks are held out in place of whole slices."""

BLOCKS = 4
"""Blocks along each side of a slice, when blocks are held out."""

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


def choose_held_out(targets: Sequence[NDArray[np.uint8]]) -> tuple[HeldOutRegion, ...]:
    """Choose the regions to hold out; they are never empty.

    Whole slices are held out where there are enough of them and every class
    is found both in them and in the rest. Otherwise it is blocks of every slice.

    Parameters
    ----------
    targets
        Y×X targets of each reviewed slice, from `known_targets`.

    Raises
    ------
    UserError
        When too little is reviewed to hold anything out.
    """
    choices = []
    if len(targets) >= FEWEST_SLICES:
        choices += [whole_slices(targets, later) for later in range(len(targets))]
    choices += [choose_blocks(targets, first) for first in range(EVERY_BLOCK)]
    usable = [held for held in choices if is_usable(targets, held)]
    if not usable:
        raise UserError(
            "too little is reviewed to train on one part and judge by another; review another slice"
        )
    shared = [classes_on_both_sides(targets, held) for held in usable]
    return usable[shared.index(max(shared))]


def whole_slices(targets: Sequence[NDArray[np.uint8]], later: int) -> tuple[HeldOutRegion, ...]:
    """Take evenly spaced slices, each so many places after the middle of its part."""
    count = max(1, len(targets) // EVERY_SLICE)
    step = len(targets) / count
    places = sorted((int(step * (number + 0.5)) + later) % len(targets) for number in range(count))
    return tuple(HeldOutRegion(place, whole(targets[place])) for place in places)


def whole(plane: NDArray[Any]) -> SliceWindow:
    """Return the window that is all of a plane."""
    return slice(0, plane.shape[0]), slice(0, plane.shape[1])


def choose_blocks(targets: Sequence[NDArray[np.uint8]], first: int) -> tuple[HeldOutRegion, ...]:
    """Take one in four of the reviewed blocks of all slices, in diagonals."""
    chosen = []
    for place, plane in enumerate(targets):
        edges = [np.linspace(0, side, BLOCKS + 1).astype(int) for side in plane.shape]
        for row in range(BLOCKS):
            for column in range(BLOCKS):
                window = (slice(*edges[0][row : row + 2]), slice(*edges[1][column : column + 2]))
                if (row + column + place) % EVERY_BLOCK == first and is_known(plane[window]):
                    chosen.append(HeldOutRegion(place, window))
    return tuple(chosen)


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


def cut_up(regions: Sequence[HeldOutRegion], sides: tuple[int, int]) -> list[HeldOutRegion]:
    """Cut regions into pieces of nearly equal size with sides of at most so many pixels, (y, x)."""
    pieces = []
    for region in regions:
        edges = []
        for part, side in zip(region.window, sides, strict=True):
            count = max(1, -(-(part.stop - part.start) // side))
            edges.append(np.linspace(part.start, part.stop, count + 1).astype(int).tolist())
        rows, columns = ([slice(a, b) for a, b in pairwise(e)] for e in edges)
        pieces += [HeldOutRegion(region.place, (row, column)) for row in rows for column in columns]
    return pieces


def evenly(regions: Sequence[HeldOutRegion], count: int) -> list[HeldOutRegion]:
    """Choose at most so many regions, evenly spread."""
    if len(regions) <= count:
        return list(regions)
    places = np.linspace(0, len(regions) - 1, count).round().astype(int)
    return [regions[place] for place in places.tolist()]
