"""Notice that the pixels of an image were changed in place.

``layer.data[:] = other`` makes no new array and no event. So what is remembered for a slice is kept
only while its pixels are the same.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.io.lazy import checksum

PROBED_PLANES = 16
"""Slices of an array in memory that are compared when its contrast is needed."""

PROBED_SIDE = 64
"""Pixels along each side of such a slice that are compared."""


class PixelMemory:
    """Checksums of slices that were looked at, and of volumes whose contrast was measured."""

    def __init__(self) -> None:
        self._slices: dict[Hashable, tuple[int, int]] = {}
        self._changes = 0
        self._probes: dict[Hashable, int] = {}

    def remember(self, key: Hashable, pixels: NDArray[Any]) -> None:
        """Store what a slice looks like now.

        Parameters
        ----------
        key
            Identity of the slice.
        pixels
            (Y, X).
        """
        self._slices[key] = (checksum(pixels), self._changes)

    def is_current(self, key: Hashable, pixels: NDArray[Any]) -> bool:
        """Whether nothing has changed since the pixels of a slice were stored, if they were.

        After a change elsewhere, the contrast may not be the one that the slice was stored with.
        """
        known = self._slices.get(key)
        if known is None:
            return True
        if known[0] != checksum(pixels):
            self._changes += 1
        return known == (checksum(pixels), self._changes)

    def volume_has_changed(self, volume: Hashable, data: Any) -> bool:
        """Whether some pixels of an array in memory differ from those of the last call.

        Parameters
        ----------
        volume
            Identity of the array.
        data
            (Y, X) or (Z, Y, X). Arrays on disk are not read for this.
        """
        if not isinstance(data, np.ndarray):
            return False
        known = self._probes.get(volume)
        found = checksum(sample_pixels(data))
        self._probes[volume] = found
        if known is None or known == found:
            return False
        self._changes += 1
        return True


def sample_pixels(data: NDArray[Any]) -> NDArray[Any]:
    """Return a few pixels from all over an array (Y, X) or (Z, Y, X)."""
    steps = [max(1, side // PROBED_SIDE) for side in data.shape]
    if data.ndim == 3:
        steps[0] = max(1, data.shape[0] // PROBED_PLANES)
    return data[tuple(slice(None, None, step) for step in steps)]
