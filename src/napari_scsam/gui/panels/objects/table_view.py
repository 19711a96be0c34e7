"""The table of objects: its rows are selected with the mouse, the keys, or by the program."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import cast

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    Qt,
    Signal,
)
from qtpy.QtGui import QKeyEvent, QKeySequence, QMouseEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_scsam.gui.panels.objects.table_model import ObjectTableModel

ROOM = 4
"""Pixels above and below the letters of a row."""

MANY_RANGES = 200
"""Rows apart from each other that are selected one by one; more are shown first, together."""

ROWS_MEASURED = 30
"""Rows that the width of a column is measured by."""

LEAST_ROWS = 2
"""Rows that are shown in the smallest window."""

NO_UPDATE = QItemSelectionModel.SelectionFlag.NoUpdate
SELECT = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows


class ObjectTableView(QTableView):
    """Shows an `ObjectTableModel`."""

    picked = Signal(object)
    """Rows of the columns, as an array, that the user selected."""
    visited = Signal(int)
    """The row of the columns that the user clicked, or went to by a key."""
    copy_asked = Signal()
    delete_asked = Signal()

    _is_made = False
    """Whether all of it is there; Qt tells of changes before that."""

    def __init__(self) -> None:
        super().__init__()
        self.objects = ObjectTableModel()
        self.setModel(self.objects)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSortingEnabled(True)
        self._by_program = False
        columns = self.horizontalHeader()
        columns.setSortIndicatorShown(True)
        columns.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        columns.setResizeContentsPrecision(ROWS_MEASURED)
        columns.setHighlightSections(False)
        columns.setMinimumSectionSize(30)
        # It would ask for each selected row whether its column is selected as a whole.
        columns.setSelectionModel(QItemSelectionModel(self.objects, columns))
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.objects.modelReset.connect(self._fit_columns)
        self.objects.layoutAboutToBeChanged.connect(self._remember)
        self.objects.layoutChanged.connect(self._restore)
        self.selectionModel().selectionChanged.connect(self._on_selected)
        self.selectionModel().currentRowChanged.connect(self._on_current)
        self.clicked.connect(self._on_clicked)
        self._fitted: list[str] = []
        self._kept = np.zeros(0, np.intp)
        self._moved = False
        """Whether the click that goes on has gone to another row."""
        self._fit()
        self._is_made = True

    # What is shown

    def selected(self) -> NDArray[np.intp]:
        """Return the rows of the columns that are selected."""
        chosen = np.zeros(len(self.objects.rows), bool)
        # PyQt6 has no method `at` for them; the stubs of PySide6 know of no index.
        runs = cast(Sequence[QItemSelectionRange], self.selectionModel().selection())
        for number in range(len(runs)):
            run = runs[number]
            chosen[run.top() : run.bottom() + 1] = True
        rows: NDArray[np.intp] = self.objects.rows[chosen]
        return rows

    def show_selected(self, rows: NDArray[np.intp]) -> None:
        """Select rows of the columns, and scroll to the first of them.

        Many that are apart from each other are moved to the top of the table.
        """
        with self._quietly():
            places = self.objects.places_of(rows)
            if _count_runs(places) > MANY_RANGES:
                self.objects.show_first(rows)
                places = self.objects.places_of(rows)
            self._select(places)
            if len(places):
                first = self.objects.index(int(places[0]), 0)
                self.selectionModel().setCurrentIndex(first, NO_UPDATE)
                self.scrollTo(first)

    @contextmanager
    def _quietly(self) -> Generator[None, None, None]:
        """Change the selection without telling of it."""
        before = self._by_program
        self._by_program = True
        try:
            yield
        finally:
            self._by_program = before

    def _select(self, places: NDArray[np.intp]) -> None:
        """Select rows of the table, a range for each run of neighbours."""
        selection = QItemSelection()
        last = self.objects.columnCount() - 1
        for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
            if len(run):
                top = self.objects.index(int(run[0]), 0)
                selection.select(top, self.objects.index(int(run[-1]), last))
        self.selectionModel().select(selection, SELECT)

    # What the user does

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  # Qt's name
        """Fit rows and columns to another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and self._is_made:
            self._fitted = []
            self._fit_columns()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  # Qt's name
        """Begin a click."""
        self._moved = False
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  # Qt's name
        """Copy with the usual key, and delete."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_asked.emit()
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.delete_asked.emit()
        elif event.text().isalpha() and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()  # letters are napari's
        else:
            super().keyPressEvent(event)

    def _on_selected(self) -> None:
        if not self._by_program:
            self.picked.emit(self.selected())

    def _on_current(self) -> None:
        index = self.currentIndex()
        if not self._by_program and index.isValid():
            self._visit(index.row())

    def _on_clicked(self, index: QModelIndex) -> None:
        """Go again to a row that is the current one already."""
        if not self._moved:
            self._visit(index.row())

    def _visit(self, place: int) -> None:
        self._moved = True
        self.visited.emit(int(self.objects.rows[place]))

    # What happens to the model

    def _remember(self) -> None:
        """Before rows move: remember what is selected; Qt would keep track of each row."""
        with self._quietly():
            self._kept = self.selected()
            self.clearSelection()

    def _restore(self) -> None:
        """After rows moved: select the same objects."""
        kept = self._kept
        self._kept = np.zeros(0, np.intp)
        with self._quietly():
            self._select(self.objects.places_of(kept))

    def _fit(self) -> None:
        height = self.fontMetrics().height() + ROOM
        self.verticalHeader().setMinimumSectionSize(height)
        self.verticalHeader().setDefaultSectionSize(height)
        header = self.horizontalHeader().sizeHint().height()
        self.setMinimumHeight(header + LEAST_ROWS * height + ROOM)

    def _fit_columns(self) -> None:
        """Fit the widths to the contents when there are other columns, which takes time."""
        self._fit()
        keys = list(self.objects.keys)
        if len(self.objects.rows) and keys != self._fitted:
            self._fitted = keys
            self.horizontalHeader().resizeSections(QHeaderView.ResizeMode.ResizeToContents)


def _count_runs(places: NDArray[np.intp]) -> int:
    """Return how many runs of neighbouring rows there are."""
    if not len(places):
        return 0
    return 1 + int(np.count_nonzero(np.diff(places) > 1))
