"""Connected patches of voxels that are kept as lists."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import scipy
from numpy.typing import NDArray


def find_patches(
    rows: NDArray[np.intp], voxels: NDArray[np.int64], shape: Sequence[int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the connected patches of the voxels of each pair, numbered from 0 on.

    Returns
    -------
    patches
        The patch of each voxel.
    patch_rows
        The pair of each patch.
    """
    frame = [length + 2 for length in shape]
    places = np.ravel_multi_index(
        tuple(index + 1 for index in np.unravel_index(voxels, tuple(shape))), frame
    )
    keys = rows * int(np.prod(frame)) + places
    order = np.argsort(keys, kind="stable")
    patches = np.empty(len(keys), np.intp)
    patches[order] = connected_keys(keys[order], neighbour_steps(frame))
    patch_rows = np.zeros(int(patches.max(initial=-1)) + 1, np.intp)
    patch_rows[patches] = rows
    return patches, patch_rows


def neighbour_steps(frame: Sequence[int]) -> list[int]:
    """Return the steps to later neighbours of a voxel in a flat array of this shape."""
    strides = np.cumprod([1, *frame[:0:-1]])[::-1]
    steps = product((-1, 0, 1), repeat=len(frame))
    return [int(np.dot(step, strides)) for step in steps if step > (0,) * len(frame)]


def connected_keys(keys: NDArray[np.int64], steps: Sequence[int]) -> NDArray[np.intp]:
    """Return the component of each key, where keys that are one of some steps apart are connected.

    Parameters
    ----------
    keys
        Ascending, without repetition.
    steps
        Above 0.
    """
    ones = [np.zeros(0, np.intp)]
    others = [np.zeros(0, np.intp)]
    for step in steps:
        places = np.searchsorted(keys, keys + step)
        places[places == len(keys)] = 0
        linked = np.flatnonzero(keys[places] == keys + step)
        ones.append(linked)
        others.append(places[linked])
    return components(len(keys), np.concatenate(ones), np.concatenate(others))


def components(count: int, ones: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the connected component of each of some nodes, from the links between them."""
    links = scipy.sparse.coo_array((np.ones(len(ones), bool), (ones, others)), (count, count))
    found: NDArray[np.intp] = scipy.sparse.csgraph.connected_components(links, directed=False)[1]
    return found.astype(np.intp)
