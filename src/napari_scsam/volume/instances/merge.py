"""Which basins are one object: those that no neck divides.

Basins are joined from the highest saddle down (a hierarchical watershed by depth: Najman and
Schmitt 1996, "Geodesic saliency of watershed contours").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_scsam.volume.instances.basins import HEIGHT_STEPS, highest_saddles
from napari_scsam.volume.instances.graph import roots_of

NECK = 0.7
"""A neck divides an object when its radius is less than this share of the thinner side's."""

SHALLOW = 1.0
"""A neck that is less than so many voxels thinner divides nothing: surfaces are rough."""


@dataclass(frozen=True)
class Tables:
    """What is known of the provisional basins of all blocks, counted from 0 on."""

    peaks: NDArray[np.int64]
    places: NDArray[np.int64]
    leaves: NDArray[np.bool_]
    voxels: NDArray[np.int64]


def merged_roots(
    tables: Tables, links: NDArray[np.int64], saddles: NDArray[np.int64], smallest: int
) -> NDArray[np.int64]:
    """Return for each provisional basin the smallest number of its object.

    Parameters
    ----------
    tables
        Of the provisional basins.
    links
        N×2: basins that are one, cut by a border of blocks.
    saddles
        M×3: basins that touch, and the height.
    smallest
        A basin of fewer voxels joins the neighbour it touches at the greatest height.
    """
    count = len(tables.peaks)
    roots = roots_of(count, links)
    # Basins in the order of their peaks, so that the result does not depend on the blocks.
    order = np.lexsort((tables.places, -tables.peaks, tables.leaves, roots))
    is_first = np.ones(count, bool)
    is_first[1:] = roots[order][1:] != roots[order][:-1]
    ends = order[is_first]
    ends = ends[np.argsort(tables.places[ends], kind="stable")]
    rank = np.zeros(count, np.int64)
    rank[roots[ends]] = np.arange(len(ends))
    basins = rank[roots]
    sizes = np.zeros(len(ends), np.int64)
    np.add.at(sizes, basins, tables.voxels)
    edges = saddles.copy()
    edges[:, :2] = basins[saddles[:, :2]]
    edges = highest_saddles(edges[edges[:, 0] != edges[:, 1]])
    edges = edges[np.lexsort((edges[:, 1], edges[:, 0], -edges[:, 2]))]
    peaks = tables.peaks[ends]
    pairs = _joined(peaks.tolist(), sizes.tolist(), edges.tolist(), smallest)
    objects = roots_of(len(ends), pairs)[basins]
    first = np.full(len(ends), count, np.int64)
    np.minimum.at(first, objects, np.arange(count))
    found: NDArray[np.int64] = first[objects]
    return found


def _joined(
    peaks: list[int], sizes: list[int], edges: Sequence[list[int]], smallest: int
) -> NDArray[np.int64]:
    """Return the pairs of basins that are one object."""
    above = list(range(len(peaks)))

    def top(basin: int) -> int:
        while above[basin] != basin:
            above[basin] = above[above[basin]]
            basin = above[basin]
        return basin

    pairs = []
    for one, other, saddle in edges:
        low = top(one)
        high = top(other)
        if low == high:
            continue
        if peaks[low] > peaks[high]:
            low, high = high, low
        is_neck = saddle < NECK * peaks[low] and peaks[low] - saddle >= SHALLOW * HEIGHT_STEPS
        if is_neck and min(sizes[low], sizes[high]) >= smallest:
            continue
        above[low] = high
        sizes[high] += sizes[low]
        pairs.append((one, other))
    return np.array(pairs, np.int64).reshape(len(pairs), 2)
