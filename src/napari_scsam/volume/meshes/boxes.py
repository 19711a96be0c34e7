"""Bounding boxes of all objects of a volume, in one pass over its blocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import fastremap
import numpy as np
import scipy
from numpy.typing import NDArray

from napari_scsam.volume.blocks import BlockPlan
from napari_scsam.volume.instances.source import LabelSource


@dataclass(frozen=True)
class Boxes:
    """Bounding boxes of objects."""

    ids: NDArray[np.int64]
    """Sorted."""
    starts: NDArray[np.int64]
    """N × 3: the first voxel of each."""
    stops: NDArray[np.int64]
    """N × 3: behind the last voxel of each."""

    def slices(self, place: int) -> tuple[slice, ...]:
        """Return the box of the object at a place of `ids`."""
        return tuple(
            slice(int(first), int(last))
            for first, last in zip(self.starts[place], self.stops[place], strict=True)
        )


@dataclass(frozen=True)
class BoxJob:
    """Whose boxes."""

    source: LabelSource
    plan: BlockPlan


def boxes_in_block(job: BoxJob, number: int) -> Boxes:
    """Return the boxes of what is in a block."""
    block = job.plan[number]
    labels, found = fastremap.renumber(job.source.read(block.slices), in_place=False)
    ids = {int(small): int(real) for real, small in found.items() if real}
    order = sorted(ids)
    boxes = scipy.ndimage.find_objects(labels) if order else []
    start = np.array(block.start)
    numbers = np.array([ids[small] for small in order], np.int64)
    lows = np.array([[s.start for s in boxes[small - 1]] for small in order], np.int64)
    highs = np.array([[s.stop for s in boxes[small - 1]] for small in order], np.int64)
    shape = (len(order), labels.ndim)
    return Boxes(numbers, lows.reshape(shape) + start, highs.reshape(shape) + start)


def joined_boxes(parts: Iterable[Boxes]) -> Boxes:
    """Return the boxes of whole objects from those in blocks."""
    kept = [part for part in parts if len(part.ids)]
    if not kept:
        empty = np.zeros((0, 3), np.int64)
        return Boxes(np.zeros(0, np.int64), empty, empty)
    ids, places = np.unique(np.concatenate([part.ids for part in kept]), return_inverse=True)
    ndim = kept[0].starts.shape[1]
    starts = np.full((len(ids), ndim), np.iinfo(np.int64).max)
    stops = np.zeros((len(ids), ndim), np.int64)
    np.minimum.at(starts, places, np.concatenate([part.starts for part in kept]))
    np.maximum.at(stops, places, np.concatenate([part.stops for part in kept]))
    return Boxes(ids, starts, stops)
