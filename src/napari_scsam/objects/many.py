"""Change many objects of an instance array together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from napari_scsam.objects.boxes import BLOCK_VOXELS, Box, box_size
from napari_scsam.objects.place import Place, overlap
from napari_scsam.objects.tools import Edit, Tool, edit_of, merge_edits
from napari_scsam.steps import Progress


def replace_labels(place: Place, labels: Mapping[int, int], boxes: Mapping[int, Box]) -> Tool:
    """Replace labels of an instance array by others.

    Parameters
    ----------
    place
        The array.
    labels
        The new label of each object; 0 deletes it.
    boxes
        A box around each object.
    """
    total = sum(box_size(box) for box in boxes.values())
    done = 0
    edits: list[Edit] = []
    for part in _batches(boxes):
        # The price of a batch decides whether it is done at once or on a thread.
        yield Progress(done, total, "changing objects")
        for label in part:
            box = overlap(boxes[label], place.within)
            done += box_size(box)
            block = place.read(box)
            new = np.where(block == label, block.dtype.type(labels[label]), block)
            edits.append(edit_of(place, box, block, new))
    return merge_edits(edits, len(place.data.shape))


def _batches(boxes: Mapping[int, Box]) -> Iterable[Sequence[int]]:
    """Group objects, so that the boxes of a group hold about `BLOCK_VOXELS` voxels."""
    part: list[int] = []
    voxels = 0
    for label, box in boxes.items():
        part.append(label)
        voxels += box_size(box)
        if voxels >= BLOCK_VOXELS:
            yield part
            part = []
            voxels = 0
    if part:
        yield part
