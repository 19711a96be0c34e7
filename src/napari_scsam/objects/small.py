"""Deleting the objects that are too small, in two passes over the array and none per object."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from napari_scsam.objects.boxes import BLOCK, TOLD, blocks, tally_steps
from napari_scsam.objects.place import Place, pieces
from napari_scsam.objects.tools import HEAVY, Edit, edit_of, together
from napari_scsam.steps import Progress


@dataclass(frozen=True)
class Sieved:
    """Objects that were too small, and the edit that deletes them."""

    objects: int
    edit: Edit


def delete_small(place: Place, smallest: float, value: int) -> Generator[Progress, None, Sieved]:
    """Delete the objects of fewer voxels.

    Parameters
    ----------
    place
        Where; locked labels stay.
    smallest
        Objects of this many voxels stay.
    value
        In a class array, the class to look at; in an instance array all objects are.
    """
    return (
        yield from (
            _small_pieces(place, smallest, value)
            if place.classes
            else _small_labels(place, smallest)
        )
    )


def _small_labels(place: Place, smallest: float) -> Generator[Progress, None, Sieved]:
    counted = yield from tally_steps(place.data, place.within)
    small = np.setdiff1d(counted.values[counted.counts < smallest], list(place.locked))
    boxes = list(blocks(place.data, place.within))
    edits = []
    for done, box in enumerate(boxes if small.size else []):
        if done % TOLD == 0:
            yield Progress(done * BLOCK, len(boxes) * BLOCK, "deleting small objects")
        block = place.read(box)
        edits.append(
            edit_of(place, box, block, np.where(np.isin(block, small), block.dtype.type(0), block))
        )
    return Sieved(len(small), together(edits, len(place.within)))


def _small_pieces(place: Place, smallest: float, value: int) -> Generator[Progress, None, Sieved]:
    yield place.price(place.within, HEAVY)
    block = place.read(place.within)
    numbers = pieces(block == value)
    small = np.bincount(numbers.ravel()) < smallest
    small[0] = False
    edit = edit_of(place, place.within, block, np.where(small[numbers], block.dtype.type(0), block))
    return Sieved(int(small.sum()), edit)
