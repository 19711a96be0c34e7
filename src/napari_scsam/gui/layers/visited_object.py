"""The outline of the object that *Next* and *Previous* have gone to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.gui.layers.instance_layer import OUTLINE_WIDTH
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.objects.components import label_components
from napari_scsam.project.review import outline

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME_OF_VISITED = "object gone to"
"""Of the layer."""


class VisitedView:
    """The outline of one object in one plane, of an array of labels; 0 everywhere else.

    Parameters
    ----------
    data
        Labels, an array or one that reads as such.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, data: Any) -> None:
        self.data = data
        self.shape = tuple(data.shape)
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))
        self._across: dict[int, int] | None = None
        """The index of the visited plane on each axis across it."""
        self._outline = np.zeros((0, 0), np.uint8)

    def visit(self, plane: Plane, voxel: Sequence[int]) -> None:
        """Outline what is connected with a voxel in a plane."""
        self._across = plane.across
        self._outline = outline_at(plane.read(self.data), flat_voxel(plane, voxel))

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        given = key if isinstance(key, tuple) else (key,)
        across = {axis: int(at) for axis, at in enumerate(given) if not isinstance(at, slice)}
        sides = tuple(at for at in given if isinstance(at, slice))
        if self._across is not None and across == self._across:
            return self._outline[sides]
        counts = [count for axis, count in enumerate(self.shape) if axis not in across]
        every = (*sides, *(slice(None) for _ in counts[len(sides) :]))
        shape = [len(range(count)[side]) for count, side in zip(counts, every, strict=True)]
        return np.zeros(shape, np.uint8)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[(slice(None),) * self.ndim], dtype)


def flat_voxel(plane: Plane, voxel: Sequence[int]) -> tuple[int, int]:
    """Return the (row, column) of a voxel of the array that is on a plane."""
    row, column = plane.flat(np.array([voxel]))[0]
    return int(row), int(column)


def outline_at(labels: NDArray[Any], pixel: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the outline of the object that has a pixel, of (rows, columns) labels."""
    found = np.zeros(labels.shape, np.uint8)
    if labels[pixel] == 0:
        return found
    components = label_components(labels == labels[pixel])
    mask = (components == components[pixel]).astype(np.uint8)
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    found[box] = outline(np.pad(mask[box], OUTLINE_WIDTH), OUTLINE_WIDTH)[
        OUTLINE_WIDTH:-OUTLINE_WIDTH, OUTLINE_WIDTH:-OUTLINE_WIDTH
    ]
    return found
