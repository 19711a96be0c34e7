"""Connected components of one block, with their sizes and first voxels.

They come from connected-components-3d (Silversmith 2021, doi:10.5281/zenodo.5535250).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cc3d
import fastremap
import numpy as np
from numpy.typing import NDArray

from napari_scsam.volume.blocks import Block
from napari_scsam.volume.instances.kinds import ObjectKind


@dataclass(frozen=True)
class Components:
    """The components in a block."""

    labels: NDArray[np.uint32]
    """Provisional numbers from 1 on; 0 is nothing."""
    first: NDArray[np.int64]
    """Position of the first voxel of each, in reading order in the volume."""
    voxels: NDArray[np.int64]
    """Voxels of each."""

    @property
    def count(self) -> int:
        """Number of components."""
        return len(self.first)


def find_components(
    labels: NDArray[Any], kind: ObjectKind, block: Block, shape: Sequence[int]
) -> Components:
    """Return the components of a kind: 26 neighbours in a volume, 8 in a slice.

    Parameters
    ----------
    labels
        Of the block.
    kind
        Which labels; those of a kind without values are connected within one value.
    block, shape
        Where the labels are, in a volume of which shape.
    """
    values = labels if not kind.values else kind.mask(labels)
    return as_components(multilabel_components(values, corners=True), block, shape)


def multilabel_components(values: NDArray[Any], *, corners: bool) -> NDArray[np.uint32]:
    """Return the connected components of equal values other than 0, numbered from 1 on.

    Parameters
    ----------
    values
        (Y, X) or (Z, Y, X).
    corners
        Whether voxels that share only an edge or a corner are connected.
    """
    neighbours: tuple[Literal[4, 8], Literal[6, 26]] = (4, 6)
    if corners:
        neighbours = (8, 26)
    near = neighbours[values.ndim - 2]
    # Its way for booleans is wrong where a side is odd (4.1.1), so it must not see them.
    numbers = values.view(np.uint8) if values.dtype == bool else values
    found = cc3d.connected_components(numbers, connectivity=near, out_dtype=np.uint32)
    return found.astype(np.uint32, copy=False)


def as_components(labels: NDArray[np.uint32], block: Block, shape: Sequence[int]) -> Components:
    """Return numbered components with their sizes and first voxels."""
    numbers, first, voxels = fastremap.unique(labels, return_index=True, return_counts=True)
    inside = numbers > 0
    places = np.unravel_index(first[inside].astype(np.int64), labels.shape)
    whole = tuple(place + start for place, start in zip(places, block.start, strict=True))
    positions = np.ravel_multi_index(whole, tuple(shape)).astype(np.int64)
    return Components(labels, positions, voxels[inside].astype(np.int64))


def component_values(
    found: Components, labels: NDArray[Any], block: Block, shape: Sequence[int]
) -> NDArray[Any]:
    """Return the label value of each component."""
    places = np.unravel_index(found.first, tuple(shape))
    inside = tuple(place - start for place, start in zip(places, block.start, strict=True))
    values: NDArray[Any] = labels[inside]
    return values
