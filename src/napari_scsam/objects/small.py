"""Delete objects that are too small, in two passes over the array, whatever their number."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from napari_scsam.objects.boxes import BLOCK_VOXELS, STEPS_PER_REPORT, iter_blocks, tally_steps
from napari_scsam.objects.components import label_components
from napari_scsam.objects.place import Place
from napari_scsam.objects.tools import DISTANCE_COST, Edit, edit_of, merge_edits
from napari_scsam.steps import Progress


@dataclass(frozen=True)
class SmallDeleted:
    """Objects that were too small, and the edit that deletes them."""

    objects: int
    edit: Edit


def delete_small(
    place: Place, smallest: float, value: int
) -> Generator[Progress, None, SmallDeleted]:
    """Delete the objects of fewer voxels.

    Parameters
    ----------
    place
        Where; locked labels stay.
    smallest
        Voxels of the smallest objects that stay.
    value
        In a class array, the class to look at; an instance array is searched for all labels.
    """
    if place.classes:
        return (yield from _delete_components(place, smallest, value))
    return (yield from _delete_labels(place, smallest))


def _delete_labels(place: Place, smallest: float) -> Generator[Progress, None, SmallDeleted]:
    counted = yield from tally_steps(place.data, place.within)
    small = np.setdiff1d(counted.values[counted.counts < smallest], list(place.locked))
    ndim = len(place.within)
    if not small.size:
        return SmallDeleted(0, merge_edits([], ndim))
    boxes = list(iter_blocks(place.data, place.within))
    edits = []
    for done, box in enumerate(boxes):
        if done % STEPS_PER_REPORT == 0:
            total = len(boxes) * BLOCK_VOXELS
            yield Progress(done * BLOCK_VOXELS, total, "deleting small objects")
        block = place.read(box)
        kept = np.where(np.isin(block, small), block.dtype.type(0), block)
        edits.append(edit_of(place, box, block, kept))
    return SmallDeleted(len(small), merge_edits(edits, ndim))


def _delete_components(
    place: Place, smallest: float, value: int
) -> Generator[Progress, None, SmallDeleted]:
    yield place.price(place.within, DISTANCE_COST)
    block = place.read(place.within)
    numbers = label_components(block == value)
    small = np.bincount(numbers.ravel()) < smallest
    small[0] = False
    kept = np.where(small[numbers], block.dtype.type(0), block)
    return SmallDeleted(int(small.sum()), edit_of(place, place.within, block, kept))
