"""What the user marked on one plane, as the network is asked with it."""

from __future__ import annotations

from dataclasses import dataclass

XY = tuple[float, float]
Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class Marks:
    """What the user marked on one plane; adding two joins them."""

    points: tuple[XY, ...] = ()
    """(x, y) in pixels; whole numbers are the centres of pixels."""
    inside: tuple[bool, ...] = ()
    """For each point, whether it is in the object."""
    box: Rectangle | None = None
    """(x0, y0, x1, y1), the edges of a rectangle around the object."""

    def __add__(self, later: Marks) -> Marks:
        """Join marks; there is one box at most, and the later one counts."""
        box = self.box if later.box is None else later.box
        return Marks(self.points + later.points, self.inside + later.inside, box)

    @property
    def asks_for_object(self) -> bool:
        """Whether anything is marked as inside; there is nothing to find without it."""
        return any(self.inside) or self.box is not None

    def within(self, rows: int, columns: int) -> Marks:
        """Leave out what is outside a plane of some rows and columns."""
        kept = [
            (point, side)
            for point, side in zip(self.points, self.inside, strict=True)
            if -0.5 <= point[0] < columns - 0.5 and -0.5 <= point[1] < rows - 0.5
        ]
        box = self.box
        if box is not None and (min(box[2:]) <= 0 or box[0] >= columns or box[1] >= rows):
            box = None
        return Marks(tuple(point for point, _ in kept), tuple(side for _, side in kept), box)

    def extends(self, earlier: Marks) -> bool:
        """Whether these are the earlier points and more, so that the earlier answer can be refined.

        A box is always answered from scratch.
        """
        if self.box is not None or earlier.box is not None:
            return False
        count = len(earlier.points)
        first = Marks(self.points[:count], self.inside[:count])
        return first == earlier and len(self.points) > count
