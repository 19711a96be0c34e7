"""LZW, as in strips and tiles of TIFF, checked before imagecodecs decodes it.

After its table was cleared, the first code stands for itself. imagecodecs (2026.3) looks for a
larger one in a table that was never filled, and the process may end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

CLEAR = 256
END = 257
FEW = 64
"""Codes that are looked at first; few programs clear a table so early."""

MOST = 1 << 14
"""Codes without a clearing, of which imagecodecs takes fewer."""

GROWING = (253, 765, 1789)
"""Codes after a clearing up to which a code has 9, 10 and 11 bits; later ones have 12."""


@dataclass(frozen=True)
class Codes:
    """The codes of a stream, read at any of its bits."""

    data: npt.NDArray[np.uint32]
    """Its bytes, and 3 zeros."""
    big: bool
    """Whether the highest bit comes first; in GIF and very old TIFF it does not."""

    @property
    def bits(self) -> int:
        """Length of the stream."""
        return 8 * (len(self.data) - 3)

    def after_clearing(self, at: int, count: int) -> npt.NDArray[np.uint32]:
        """Return at most `count` codes from a bit on, where the table is empty."""
        widths, offsets = _places(self.big)
        starts = at + offsets[:count]
        starts = starts[starts + widths[: len(starts)] <= self.bits]
        return self._read(starts, widths[: len(starts)])

    def length(self, count: int) -> int:
        """Return how many bits the first codes after a clearing take."""
        return int(_places(self.big)[1][count])

    def _read(
        self, starts: npt.NDArray[np.int64], widths: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.uint32]:
        byte = starts >> 3
        within = (starts & 7).astype(np.uint32)
        wide = widths.astype(np.uint32)
        three = [self.data[byte + number] for number in range(3)]
        if self.big:
            word = three[0] << 16 | three[1] << 8 | three[2]
            shifted = word >> (24 - within - wide)
        else:
            word = three[2] << 16 | three[1] << 8 | three[0]
            shifted = word >> within
        codes: npt.NDArray[np.uint32] = shifted & ((np.uint32(1) << wide) - 1)
        return codes


@cache
def _places(big: bool) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the width of each code after a clearing, and its first bit."""
    late = 0 if big else 1
    last = np.array(GROWING) + late
    widths = 9 + np.searchsorted(last, np.arange(MOST)).astype(np.int64)
    return widths, np.concatenate([np.zeros(1, np.int64), np.cumsum(widths)])


def check_lzw(data: bytes) -> None:
    """Check that each clearing of the table is followed by a code that stands for itself.

    Parameters
    ----------
    data
        A strip or tile, whose bits are in the usual order.

    Raises
    ------
    ValueError
        When one is not.
    """
    padded = np.frombuffer(data + bytes(3), np.uint8).astype(np.uint32)
    codes = Codes(padded, big=not (data[:1] == b"\0" and data[1:2] and data[1] & 1))
    at = 0
    while at >= 0:
        at = _next_clearing(codes, at)


def _next_clearing(codes: Codes, at: int) -> int:
    """Check the first code after a clearing, and return the bit after the next one; -1 at the end."""
    for count in (FEW, MOST):
        found = codes.after_clearing(at, count)
        if found.size == 0:
            return -1
        if found[0] > END:
            raise ValueError("its LZW is damaged")
        ends = np.flatnonzero((found == CLEAR) | (found == END))
        if ends.size:
            first = int(ends[0])
            return -1 if found[first] == END else at + codes.length(first + 1)
    return -1
