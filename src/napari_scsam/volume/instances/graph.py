"""The graph of touching labels: which provisional labels are one object, and its id.

Only labels that touch one of another block are nodes. So there are far fewer nodes than objects.
Components come from SciPy (Pearce 2005, "An improved algorithm for finding the strongly connected
components of a directed graph").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_scsam.volume.instances.chunks import as_smallest_type


@dataclass(frozen=True)
class Numbering:
    """Ids of objects."""

    table: NDArray[np.unsignedinteger]
    """The id of each provisional label, from 1 on; 0 where its object was left out."""
    voxels: NDArray[np.int64]
    """Voxels of the objects 1, 2 …"""

    @property
    def count(self) -> int:
        """Number of objects."""
        return len(self.voxels)


def roots_of(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each of `count` labels the smallest one that it is connected to.

    Parameters
    ----------
    count
        Labels are 0 … count - 1.
    pairs
        N×2 labels that are one object.
    """
    roots = np.arange(count, dtype=np.int64)
    if not len(pairs):
        return roots
    is_node = np.zeros(count, bool)
    is_node[pairs.ravel()] = True
    nodes = np.flatnonzero(is_node)
    place = np.cumsum(is_node, dtype=np.int64) - 1
    ends = place[pairs]
    links = coo_array(
        (np.ones(len(ends), np.uint8), (ends[:, 0], ends[:, 1])), shape=(len(nodes), len(nodes))
    )
    members = connected_components(links, directed=False)[1]
    smallest = np.zeros(len(nodes), np.int64)
    smallest[members[::-1]] = nodes[::-1]  # what is written last stays: the first node
    roots[nodes] = smallest[members]
    return roots


def number_objects(
    roots: NDArray[np.int64],
    first: NDArray[np.int64],
    voxels: NDArray[np.int64],
    smallest: int,
) -> Numbering:
    """Compute ids in the order of the first voxels of objects, so that blocks do not matter.

    Parameters
    ----------
    roots
        From `roots_of`: labels with one root are one object. -1 for labels that are none.
    first, voxels
        Of each label.
    smallest
        Objects of fewer voxels are left out.
    """
    count = len(roots)
    inside = roots >= 0
    sizes = np.zeros(count, np.int64)
    np.add.at(sizes, roots[inside], voxels[inside])
    begins = first.copy()
    np.minimum.at(begins, roots[inside], first[inside])
    objects = np.flatnonzero((roots == np.arange(count)) & (sizes >= smallest))
    objects = objects[np.argsort(begins[objects], kind="stable")]
    ids = np.zeros(count, as_smallest_type(len(objects)))
    ids[objects] = np.arange(1, len(objects) + 1, dtype=ids.dtype)
    table = np.where(inside, ids[np.maximum(roots, 0)], ids.dtype.type(0))
    return Numbering(table, sizes[objects])
