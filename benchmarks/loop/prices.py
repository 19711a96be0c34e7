"""What each act of an annotator costs, in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.loop.regions import Region


@dataclass(frozen=True)
class Prices:
    """Seconds for each act, and the pace of the hand.

    Single acts follow the keystroke-level model (Card, Moran & Newell 1980): 0.2 s to press a
    key, 0.1 s to press a button, 1.1 s to point, 0.4 s to move a hand between mouse and keys.
    """

    click: float = 1.5
    """One click: 1.1 s to point, 0.1 s to press, and 0.3 s to see where."""
    key: float = 0.5
    """One key: 0.2 s to press it, and 0.3 s to decide."""
    accept: float = 1.0
    """To look at the answer of a click or a box, and to accept it with a key."""
    box: float = 2.6
    """One box: to point at two corners, and to press and release the button."""
    delete: float = 1.2
    """To delete the object under the mouse: to point, and a key under the other hand."""
    stroke: float = 0.7
    """To bring the brush to where a stroke or an outline starts; the start is often near."""
    brush: float = 8.0
    """Width of the brush in pixels; one width, so that nobody spends time on changing it."""
    speed: float = 100.0
    """Pixels a second of a brush that fills, where one pixel is about two of the screen's."""
    outline: float = 40.0
    """Pixels a second along an outline that must fit to two pixels.

    By the steering law (Accot & Zhai 1997) the pace is in proportion to the width of the path:
    four pixels here, and with the brush ten, with room on both sides. The constant is our own.
    """
    teach: float = 1.5
    """One stroke that teaches: as a click, drawn a little longer."""

    def stroke_of(self, region: Region) -> float:
        """Return the seconds to paint or erase a region with the brush.

        Where it ends at the edge of an object, the brush must fit; the rest is filled. A narrow
        region is followed along its middle, which is half as long as its outline.
        """
        path = max(region.area / self.brush, region.perimeter / 2) - self.brush
        fitted = max(0.0, region.edge - self.brush)
        filled = max(0.0, path - region.edge)
        return self.stroke + fitted / self.outline + filled / self.speed

    def outline_of(self, region: Region) -> float:
        """Return the seconds to outline a whole object; it is filled then."""
        return self.stroke + region.perimeter / self.outline

    def with_hand(self, pace: float) -> Prices:
        """Return the prices of a hand that draws faster by a factor."""
        return replace(self, speed=self.speed * pace, outline=self.outline * pace)
