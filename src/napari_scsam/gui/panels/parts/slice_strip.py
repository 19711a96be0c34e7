"""A strip of all slices that shows which are reviewed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QToolTip, QWidget

from napari_scsam.project.project import REVIEWED_TABLE

EMPTY = QColor(128, 128, 128, 40)
HAS_LABELS = QColor(128, 128, 128, 130)
POSITION = QColor(230, 80, 60)
SUGGESTED = QColor(70, 150, 240)
RUNNING = QColor(80, 190, 110)

MARK = 4
"""Pixels of the mark on a suggested slice."""

TIP = (
    "All slices, from the first on the left. Yellow: reviewed; grey: has labels;\n"
    "blue: suggested next; green: written last by a run. Click to go to a slice."
)


class SliceStrip(QWidget):
    """All slices in a row: reviewed ones in colour, those with labels in grey."""

    picked = Signal(int)
    """The slice that was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(TIP)
        self.setMinimumHeight(14)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._depth = 1
        self._position = -1
        self._shares: Mapping[int, float] = {}
        self._notes: Mapping[int, str] = {}
        self.suggested: tuple[int, ...] = ()
        """Slices to correct next."""
        self.running: int | None = None
        """The slice that a run has written last."""

    def sizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        """Return a width that fits the panel."""
        return QSize(200, 14)

    def show_slices(
        self,
        depth: int,
        position: int,
        shares: Mapping[int, float],
        notes: Mapping[int, str] | None = None,
    ) -> None:
        """Show the slices.

        Parameters
        ----------
        depth, position
            The number of slices, and the one shown; -1 for none.
        shares
            The reviewed share of each slice that has labels or is reviewed.
        notes
            A few words on slices, for their tooltips.
        """
        self._notes = dict(notes or {})
        self._depth = depth
        self._position = position
        self._shares = dict(shares)
        self.update()

    def show_position(self, position: int) -> None:
        """Show which slice is shown; -1 for none."""
        self._position = position
        self.update()

    def show_marks(self, suggested: Sequence[int], running: int | None) -> None:
        """Show the slices to correct next, and the one that a run has written last."""
        self.suggested = tuple(suggested)
        self.running = running
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  # Qt's name
        """Emit the slice under the mouse."""
        self.picked.emit(self._slice_at(event.position().x()))

    def event(self, event: QEvent) -> bool:
        """Show a tooltip on the slice under the mouse."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.tip_at(event.pos().x()), self)
            return True
        return bool(super().event(event))

    def tip_at(self, x: int) -> str:
        """Return the tooltip at a place of the strip."""
        z = self._slice_at(x)
        if z not in self._notes:
            return self.toolTip()
        return f"Slice {z}: {self._notes[z]}.\n{self.toolTip()}"

    def _slice_at(self, x: float) -> int:
        found = int(x * self._depth / max(1, self.width()))
        return min(self._depth - 1, max(0, found))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802, ARG002  # Qt's
        """Draw a bar for each slice, as high as its reviewed share."""
        painter = QPainter(self)
        width = self.width()
        height = self.height()
        painter.fillRect(0, 0, width, height, EMPTY)
        reviewed = QColor(REVIEWED_TABLE[0].colour)
        step = width / self._depth
        for z, share in self._shares.items():
            left = int(z * step)
            bar_width = max(1, int((z + 1) * step) - left)
            bar_height = round(height * share)
            painter.fillRect(left, 0, bar_width, height, HAS_LABELS)
            painter.fillRect(left, height - bar_height, bar_width, bar_height, reviewed)
        for z in self.suggested:
            middle = int((z + 0.5) * step)
            painter.fillRect(middle - MARK // 2, height - MARK, MARK, MARK, SUGGESTED)
        if self.running is not None:
            painter.fillRect(int(self.running * step), 0, max(2, int(step)), height, RUNNING)
        if self._position >= 0:
            painter.setPen(POSITION)
            painter.drawRect(int(self._position * step), 0, max(2, int(step)), height - 1)
        painter.end()
