"""The panel for the review: mark what is right, and see how far it is, by slice and by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.panel import Panel
from napari_scsam.gui.panels.parts.widgets import note, swatch
from napari_scsam.gui.words import grouped
from napari_scsam.project.project import REVIEWED_TABLE
from napari_scsam.project.review import SliceReview

ROWS = 7
"""Classes that the table shows without scrolling."""


class ReviewPanel(Panel):
    """Shows and asks; it decides nothing."""

    slice_marked = Signal()
    rectangle_marked = Signal()
    slice_picked = Signal(int)
    """A slice to go to."""

    def __init__(self, key: str) -> None:
        super().__init__("Review")
        self._key = key
        self.mark = QPushButton()
        self.mark.setToolTip(
            "Say that every pixel of this slice is right. The model will leave it alone, and training learns from it.\n"
            "What is not reviewed counts as unknown, never as background. Again takes it back."
        )
        self.mark.clicked.connect(self.slice_marked)
        self.rectangle = QPushButton("Rectangle")
        self.rectangle.setToolTip(
            "Say it of a rectangle on this slice: press, then drag it.\nOne that is selected on a shapes layer is taken as it is."
        )
        self.rectangle.clicked.connect(self.rectangle_marked)
        self.strip = SliceStrip()
        self.strip.picked.connect(self.slice_picked)
        self.table = _table()
        for header in (self.table.verticalHeader(), self.table.horizontalHeader()):
            header.sectionResized.connect(lambda *_: self._fit_table())
        self.note = note()
        self._lay_out()

    def show_progress(
        self,
        depth: int,
        position: int,
        slices: Mapping[int, SliceReview],
        classes: Sequence[ClassSpec],
        *,
        there: bool,
        obstacle: str = "",
    ) -> None:
        """Show how far the review is.

        Parameters
        ----------
        depth, position
            The number of slices, and the one shown; -1 for none.
        slices
            Those that hold a label or a mark.
        classes
            A row each.
        there
            Whether there is a project to review.
        obstacle
            A sentence on why nothing can be reviewed now, although there is one.
        """
        for part in (self.mark, self.rectangle, self.strip, self.table):
            part.setEnabled(there and not obstacle)
        self.strip.setVisible(there and depth > 1)
        self.table.setVisible(there)
        shown = slices.get(position)
        done = shown is not None and shown.reviewed == shown.size
        self.mark.setText(f"{'Take review back' if done else 'Slice is right'}   ({self._key})")
        self.strip.show_slices(
            depth,
            position,
            {z: found.share for z, found in slices.items() if found.found or found.reviewed},
        )
        self._fill(classes, slices, shown)
        whole = sum(found.reviewed == found.size for found in slices.values())
        parts = sum(0 < found.reviewed < found.size for found in slices.values())
        also = f", {grouped(parts)} in part" if parts else ""
        progress = f"{grouped(whole)} of {grouped(depth)} slices reviewed{also}."
        self.note.setText(
            (obstacle or progress) if there else "Make a project first: reviews are kept in it."
        )

    def _fill(
        self,
        classes: Sequence[ClassSpec],
        slices: Mapping[int, SliceReview],
        shown: SliceReview | None,
    ) -> None:
        self.table.setRowCount(len(classes))
        for row, spec in enumerate(classes):
            kept = [found.kept.get(spec.id, 0) for found in slices.values()]
            here = shown.found.get(spec.id, 0) if shown is not None else 0
            name = QTableWidgetItem(swatch(spec.colour), spec.name)
            name.setToolTip(spec.name)
            self.table.setItem(row, 0, name)
            for column, number in enumerate((here, sum(kept), sum(n > 0 for n in kept)), 1):
                item = QTableWidgetItem(grouped(number) if number else "–")
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(row, column, item)
        self._fit_table()

    def _fit_table(self) -> None:
        """Show whole rows, in whatever size of letters."""
        rows = sum(self.table.rowHeight(row) for row in range(min(self.table.rowCount(), ROWS)))
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + rows + 4)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.mark, 2)
        row.addWidget(self.rectangle, 1)
        column = QVBoxLayout(self.contents)
        column.addLayout(row)
        column.addWidget(self.strip)
        column.addWidget(self.table)
        column.addWidget(self.note)


def _table() -> QTableWidget:
    table = QTableWidget(0, 4)
    table.setHorizontalHeaderLabels(["class", "here", "reviewed", "slices"])
    for column, tip in enumerate(
        (
            "",
            "Pixels of the class on this slice",
            "Pixels of the class in what is reviewed",
            "Slices with reviewed pixels of the class",
        )
    ):
        if (item := table.horizontalHeaderItem(column)) is not None:
            item.setToolTip(tip)
    table.verticalHeader().hide()
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    table.setShowGrid(False)
    header = table.horizontalHeader()
    header.setMinimumSectionSize(30)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    return table


class SliceStrip(QWidget):
    """All slices side by side: reviewed ones in colour, those that hold labels lighter; a click goes there."""

    picked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(
            "All slices, the first on the left: yellow is reviewed, grey holds labels. Click to go there."
        )
        self.setMinimumHeight(14)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._depth = 1
        self._position = -1
        self._shares: Mapping[int, float] = {}

    def sizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        """Be as wide as the panel."""
        return QSize(200, 14)

    def show_slices(self, depth: int, position: int, shares: Mapping[int, float]) -> None:
        """Show the reviewed share of the slices that hold a label or a mark, and which is on the screen."""
        self._depth = depth
        self._position = position
        self._shares = dict(shares)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  # Qt's name
        """Ask for the slice under the mouse."""
        self.picked.emit(
            min(
                self._depth - 1,
                max(0, int(event.position().x() * self._depth / max(1, self.width()))),
            )
        )

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802, ARG002  # Qt's name and arguments
        """Draw a bar for each slice, as high as its reviewed share."""
        painter = QPainter(self)
        width = self.width()
        height = self.height()
        painter.fillRect(0, 0, width, height, QColor(128, 128, 128, 40))
        yellow = QColor(REVIEWED_TABLE[0].colour)
        grey = QColor(128, 128, 128, 130)
        step = width / self._depth
        for z, share in self._shares.items():
            left = int(z * step)
            wide = max(1, int((z + 1) * step) - int(z * step))
            painter.fillRect(left, 0, wide, height, grey)
            painter.fillRect(
                left, height - round(height * share), wide, round(height * share), yellow
            )
        if self._position >= 0:
            painter.setPen(QColor(230, 80, 60))
            painter.drawRect(int(self._position * step), 0, max(2, int(step)), height - 1)
        painter.end()
