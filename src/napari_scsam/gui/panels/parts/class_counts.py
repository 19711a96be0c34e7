"""A table of how much of each class is reviewed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.widgets import plain_tip, swatch
from napari_scsam.gui.words import group_digits
from napari_scsam.project.review import SliceReview

ROWS = 7
"""Classes that the table shows without scrolling."""

COLUMNS = {
    "class": "",
    "here": "Pixels of the class on this slice",
    "reviewed": "Reviewed pixels of the class",
    "slices": "Slices with reviewed pixels of the class",
}
"""Headings, and their tooltips."""


class ClassCountsTable(QTableWidget):
    """A row for each class: its pixels on this slice, and what is reviewed of it."""

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self.setHorizontalHeaderLabels(list(COLUMNS))
        for column, tip in enumerate(COLUMNS.values()):
            item = self.horizontalHeaderItem(column)
            if item is not None:
                item.setToolTip(plain_tip(tip))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setShowGrid(False)
        self._set_up_headers()

    def show_counts(
        self,
        classes: Sequence[ClassSpec],
        slices: Mapping[int, SliceReview],
        shown: SliceReview | None,
        meanings: Mapping[int, Collection[int]] | None = None,
    ) -> None:
        """Show the counts of all slices, and of the slice shown.

        `meanings`: class ids that values of the review mask stand for; others stand for all.
        """
        self.setRowCount(len(classes))
        for row, spec in enumerate(classes):
            here = 0
            if shown is not None:
                here = shown.found.get(spec.id, 0)
            reviewed = [review.kept.get(spec.id, 0) for review in slices.values()]
            with_reviewed = sum(count > 0 for count in reviewed)
            self._show_row(row, spec, (here, sum(reviewed), with_reviewed))
            looked_at = sum(
                is_reviewed_for(one, spec.id, meanings or {}) for one in slices.values()
            )
            self._show_tip(row, spec, looked_at)
        self._fit()

    def _show_row(self, row: int, spec: ClassSpec, numbers: Sequence[int]) -> None:
        self.setItem(row, 0, QTableWidgetItem(swatch(spec.colour), spec.name))
        for column, number in enumerate(numbers, 1):
            text = "–"
            if number:
                text = group_digits(number)
            item = QTableWidgetItem(text)
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(row, column, item)

    def _show_tip(self, row: int, spec: ClassSpec, slices: int) -> None:
        name = self.item(row, 0)
        if name is not None:
            name.setToolTip(
                plain_tip(f"{spec.name}: slices reviewed for it: {group_digits(slices)}")
            )

    def _set_up_headers(self) -> None:
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        columns = self.horizontalHeader()
        columns.setMinimumSectionSize(30)
        columns.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        columns.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for header in (rows, columns):
            header.sectionResized.connect(lambda *_: self._fit())

    def _fit(self) -> None:
        """Set the height to whole rows, at any font size."""
        rows = sum(self.rowHeight(row) for row in range(min(self.rowCount(), ROWS)))
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + rows + 4)


def is_reviewed_for(
    review: SliceReview, class_id: int, meanings: Mapping[int, Collection[int]]
) -> bool:
    """Whether any pixel of a slice is reviewed for a class."""
    return any(number not in meanings or class_id in meanings[number] for number in review.numbers)
