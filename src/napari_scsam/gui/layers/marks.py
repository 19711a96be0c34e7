"""What the user pointed at on one plane."""

from __future__ import annotations

from typing import NamedTuple


class Marks(NamedTuple):
    """What the user pointed at on one plane."""

    points: tuple[tuple[float, float], ...]
    """(x, y) in pixels, the middles of which are whole numbers."""
    inside: tuple[bool, ...]
    """For each point, whether it lies in the object."""
    box: tuple[float, float, float, float] | None = None
    """(x0, y0, x1, y1), the edges of a rectangle round it."""

    def continues(self, earlier: Marks) -> bool:
        """Return whether these are the earlier ones and more, so that the earlier answer may be refined; a box is answered anew."""
        count = len(earlier.points)
        same = self.box is None and (self.points[:count], self.inside[:count], self.box) == tuple(
            earlier
        )
        return same and len(self.points) > count
