"""Holes: background that one object encloses, found block by block like objects.

Background is connected through faces: 6 neighbours in a volume, 4 in a slice. This is necessary
where objects are connected through corners, too (Kong and Rosenfeld 1989, "Digital topology").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.volume.blocks import Block
from napari_scsam.volume.instances.components import multilabel_components
from napari_scsam.volume.instances.pairs import distinct_pairs

BACKGROUND_COMPONENT = -1
"""The value of components of the background."""


def add_background(labels: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return labels in which the components of the background follow those of objects."""
    objects = labels.max(initial=0)
    inside = labels > 0
    found = multilabel_components(~inside, corners=False)
    return np.where(inside, labels, found + np.uint32(objects)).astype(np.uint32)


def open_labels_of(
    labels: NDArray[np.uint32], block: Block, shape: Sequence[int], count: int
) -> NDArray[np.bool_]:
    """Return which labels reach the border of the volume.

    A volume of one slice has no border along z.
    """
    found = np.zeros(count + 1, bool)
    for axis, length in enumerate(shape):
        if length == 1:
            continue
        if block.start[axis] == 0:
            found[labels.take(0, axis)] = True
        if block.stop[axis] == length:
            found[labels.take(-1, axis)] = True
    return found[1:]


def neighbours_of(labels: NDArray[np.uint32], objects: int) -> NDArray[np.int64]:
    """Return the pairs of an object and a component of the background that share a face, N×2."""
    found = [np.zeros((0, 2), np.int64)]
    for axis in range(labels.ndim):
        ahead = np.moveaxis(labels, axis, 0)
        one = ahead[:-1]
        other = ahead[1:]
        meet = (one <= objects) != (other <= objects)
        pairs = np.stack([one[meet], other[meet]], axis=1).astype(np.int64)
        found.append(np.sort(pairs, axis=1))
    return distinct_pairs(np.concatenate(found))


def fill_roots(
    roots: NDArray[np.int64],
    values: NDArray[Any],
    is_open: NDArray[np.bool_],
    beside: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return roots in which holes belong to their objects, and other background has -1.

    Parameters
    ----------
    roots
        Of objects and background.
    values
        `BACKGROUND_COMPONENT` for labels of the background.
    is_open
        Which labels reach the border of the volume.
    beside
        N×2: an object, and background that shares a face with it.
    """
    opened = np.zeros(len(roots), bool)
    opened[roots[is_open]] = True
    pairs = roots[beside]
    pairs = distinct_pairs(pairs)
    count = np.bincount(pairs[:, 1], minlength=len(roots))
    owner = np.full(len(roots), -1, np.int64)
    owner[pairs[:, 1]] = pairs[:, 0]
    is_hole = (count == 1) & ~opened
    background = values == BACKGROUND_COMPONENT
    filled = roots.copy()
    its_root = roots[background]
    filled[background] = np.where(is_hole[its_root], owner[its_root], -1)
    return filled
