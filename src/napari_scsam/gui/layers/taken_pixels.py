"""What taught classes took from other classes, so that they can give it back."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from napari_scsam.gui.layers.write_prediction import row_bands

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_scsam.gui.layers.plane import Plane

Band = tuple[NDArray[np.intp], NDArray[Any]]
"""Positions in a plane, flat, and the class ids that were there."""


class TakenPixels:
    """Remembers, for labels layers, which class a pixel had before a taught class took it."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Labels, dict[tuple[Plane, int], Band]] = WeakKeyDictionary()

    def below(self, layer: Labels, plane: Plane, value: int) -> NDArray[Any]:
        """Return the class ids under a class on a plane, (rows, columns); 0 where unknown."""
        ids = np.zeros(plane.shape(layer.data.shape), layer.data.dtype)
        band = self._of.get(layer, {}).get((plane, value))
        if band is not None:
            ids.reshape(-1)[band[0]] = band[1]
        return ids

    def note_steps(
        self, layer: Labels, plane: Plane, value: int, before: list[NDArray[Any]]
    ) -> Generator[None, None, None]:
        """Remember what a class has just taken.

        Parameters
        ----------
        layer, plane, value
            Where, and the id of the class.
        before
            The labels before, in the bands of `row_bands`.
        """
        below = self.below(layer, plane, value)
        for rows, earlier in zip(row_bands(below.shape), before, strict=True):
            now = plane.read(layer.data, rows)
            lost = (earlier != now) & (earlier != 0) & (now == value)
            below[rows][lost] = earlier[lost]
            yield
        places = np.flatnonzero(below)
        self._of.setdefault(layer, {})[plane, value] = (places, below.reshape(-1)[places])


def read_bands(layer: Labels, plane: Plane) -> list[NDArray[Any]]:
    """Read the labels of a plane in bands."""
    shape = plane.shape(layer.data.shape)
    return [plane.read(layer.data, rows).copy() for rows in row_bands(shape)]
