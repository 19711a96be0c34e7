"""The rows of a table of objects, filtered and sorted by numpy: 100,000 of them stay quick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from qtpy.QtGui import QFont, QIcon

from napari_scsam.gui.panels.objects.columns import (
    CLASS,
    Columns,
    comparable,
    heading,
    is_number,
    shown_order,
    text_of,
)
from napari_scsam.gui.panels.parts.widgets import item_tip, swatch
from napari_scsam.volume.measure.table import sorted_rows

ModelIndex = QModelIndex | QPersistentModelIndex
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
NOWHERE = QModelIndex()

STALE_TIP = "This object was changed since it was measured."


class ObjectTableModel(QAbstractTableModel):
    """A view of columns: which rows are shown, and in what order."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: Columns = {}
        self.keys: list[str] = []
        """Of the columns, from left to right."""
        self.rows = np.zeros(0, np.intp)
        """Which row of the columns each row of the table shows."""
        self._shown = np.zeros(0, bool)
        self._stale = np.zeros(0, bool)
        self._sorted_by: tuple[str, bool] = ("", True)
        self._first = np.zeros(0, bool)
        self._swatches: dict[str, QIcon] = {}
        self._italic = QFont()
        self._italic.setItalic(True)

    # What is shown

    def show_columns(self, columns: Columns, shown: NDArray[np.bool_]) -> None:
        """Show other columns.

        Parameters
        ----------
        columns
            One array a column.
        shown
            Whether each of their rows passes the filters.
        """
        self.beginResetModel()
        self.columns = columns
        self.keys = shown_order(columns)
        self._shown = shown
        self._stale = np.zeros(len(shown), bool)
        self._first = np.zeros(len(shown), bool)
        self._arrange()
        self.endResetModel()

    def show_rows(self, shown: NDArray[np.bool_]) -> None:
        """Show the rows that pass other filters."""
        self.layoutAboutToBeChanged.emit()
        self._shown = shown
        self._arrange()
        self.layoutChanged.emit()

    def show_first(self, rows: NDArray[np.intp]) -> None:
        """Show some rows of the columns before all others."""
        self.layoutAboutToBeChanged.emit()
        self._first = self._marked(rows)
        self._arrange()
        self.layoutChanged.emit()

    def show_stale(self, stale: NDArray[np.bool_]) -> None:
        """Show rows whose numbers are no longer true in italics."""
        self._stale = stale
        self._redraw()

    def show_colours(self, colours: Mapping[str, str]) -> None:
        """Show the colour of each class, by its name."""
        self._swatches = {name: swatch(colour) for name, colour in colours.items()}
        self._redraw()

    def places_of(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return where some rows of the columns are in the table, without those not shown."""
        return np.flatnonzero(self._marked(rows)[self.rows])

    def _marked(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which rows of the columns are among some."""
        marked = np.zeros(len(self._shown), bool)
        marked[rows] = True
        return marked

    def _redraw(self) -> None:
        if self.rows.size and self.keys:
            end = self.index(self.rowCount() - 1, self.columnCount() - 1)
            self.dataChanged.emit(self.index(0, 0), end)

    def _arrange(self) -> None:
        """Find the rows that are shown, and sort them."""
        rows = np.flatnonzero(self._shown)
        key, ascending = self._sorted_by
        if key in self.columns:
            values = comparable(self.columns[key][rows])
            rows = rows[sorted_rows(values, descending=not ascending)]
        if self._first.any():
            rows = rows[np.argsort(~self._first[rows], kind="stable")]
        self.rows = rows

    # As Qt asks

    def rowCount(self, parent: ModelIndex = NOWHERE) -> int:  # noqa: N802  # Qt's name
        """Return the number of rows shown."""
        if parent.isValid():
            return 0
        return len(self.rows)

    def columnCount(self, parent: ModelIndex = NOWHERE) -> int:  # noqa: N802  # Qt's name
        """Return the number of columns."""
        if parent.isValid():
            return 0
        return len(self.keys)

    def headerData(  # noqa: N802  # Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the heading of a column."""
        if orientation != Qt.Orientation.Horizontal or section >= len(self.keys):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return heading(self.keys[section])
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.keys[section]
        return None

    def data(self, index: ModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if index.row() >= len(self.rows) or index.column() >= len(self.keys):
            return None  # Qt may ask for a cell that has just gone
        key = self.keys[index.column()]
        row = int(self.rows[index.row()])
        if role == Qt.ItemDataRole.DisplayRole:
            return text_of(self.columns[key][row])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            if is_number(self.columns[key]):
                return RIGHT
            return LEFT
        if role == Qt.ItemDataRole.DecorationRole and key == CLASS:
            return self._swatches.get(str(self.columns[key][row]))
        if role == Qt.ItemDataRole.ToolTipRole:  # the cell may be narrower than its text
            return item_tip(text_of(self.columns[key][row]), STALE_TIP if self._stale[row] else "")
        if role == Qt.ItemDataRole.FontRole and self._stale[row]:
            return self._italic
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        if not 0 <= column < len(self.keys):  # Qt asks for column -1 at first
            return
        self.layoutAboutToBeChanged.emit()
        self._sorted_by = (self.keys[column], order == Qt.SortOrder.AscendingOrder)
        self._first = np.zeros(len(self._shown), bool)
        self._arrange()
        self.layoutChanged.emit()
