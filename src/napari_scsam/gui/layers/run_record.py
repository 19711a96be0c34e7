"""What a run over many slices changed, so that all of it can be taken back at once."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.gui.layers.model_pixels import Packed, pack_band, unpack_band
from napari_scsam.gui.layers.write_prediction import RowMask, row_bands

if TYPE_CHECKING:
    from napari_scsam.gui.layers.plane import Plane
    from napari_scsam.gui.layers.write_prediction import OrganelleLabels

Protect = Callable[["Plane", slice, NDArray[Any]], NDArray[np.bool_]]
"""Given a plane, rows of it and their labels: which pixels must stay as they are."""


class RunRecord:
    """The labels of the slices of one run, before and after it, compressed.

    Parameters
    ----------
    output
        The labels layer that the run writes into.
    """

    def __init__(self, output: OrganelleLabels) -> None:
        self.output = output
        self._slices: dict[Plane, tuple[list[Packed], list[Packed]]] = {}

    def __len__(self) -> int:
        return len(self._slices)

    def note(self, plane: Plane, before: list[NDArray[Any]], after: list[NDArray[Any]]) -> None:
        """Remember the labels of a plane before and after a write, in the bands of `row_bands`."""
        first = [pack_band(band) for band in before]
        earlier = self._slices.get(plane)
        if earlier is not None:
            first = earlier[0]
        self._slices[plane] = (first, [pack_band(band) for band in after])

    def take_back_steps(self, protect: Protect) -> Generator[None, None, int]:
        """Write the labels from before the run, one slice after the other.

        Pixels that changed since the run stay, and so do those that are protected.

        Returns
        -------
        int
            The number of pixels changed.
        """
        changed = 0
        for plane, (before, after) in reversed(self._slices.items()):
            changed += yield from self._take_back(plane, before, after, protect)
            yield
        return changed

    def _take_back(
        self, plane: Plane, before: list[Packed], after: list[Packed], protect: Protect
    ) -> Generator[None, None, int]:
        shape = plane.shape(self.output.layer.data.shape)
        rows = row_bands(shape)
        dtype = self.output.layer.data.dtype
        earlier = _joined(before, rows, shape, dtype)
        written = _joined(after, rows, shape, dtype)
        ids = sorted({*np.unique(earlier).tolist(), *np.unique(written).tolist()} - {0})
        keep: RowMask = partial(_changed_since, plane, written, protect)
        return (yield from self.output.write_steps(plane, earlier, ids, keep=keep))


def _joined(
    bands: list[Packed], rows: list[slice], shape: tuple[int, int], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return the labels of a whole plane, (rows, columns)."""
    plane = np.empty(shape, dtype)
    for packed, part in zip(bands, rows, strict=True):
        plane[part] = unpack_band(packed, dtype, (part.stop - part.start, shape[1]))
    return plane


def _changed_since(
    plane: Plane, written: NDArray[Any], protect: Protect, rows: slice, current: NDArray[Any]
) -> NDArray[np.bool_]:
    """Return which pixels stay: they are not what the run wrote, or they are protected."""
    changed: NDArray[np.bool_] = current != written[rows]
    return changed | protect(plane, rows, current)
