"""A histogram of a column by class, or a scatter of two; what is dragged over is selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_scsam.gui.panels.objects.columns import CLASS, Columns, heading, plotted
from napari_scsam.gui.panels.parts.widgets import Dropdown, checkbox

if TYPE_CHECKING:
    from napari_scsam.gui.panels.objects.plot_area import PlotArea

COUNT_AXIS = "count"
"""The choice of a histogram along y."""

HEIGHT = 64
"""Pixels of the plot, at least; it grows with the window."""

OTHER_COLOUR = "#9a9a9a"
"""Of objects whose class has no colour."""


class ObjectPlots(QWidget):
    """Chooses what is plotted, and shows it; pyqtgraph is imported when it is first shown."""

    picked = Signal(object)
    """Rows of the columns, as an array, that the user dragged over."""

    def __init__(self) -> None:
        super().__init__()
        self.across = Dropdown("What is plotted from left to right.")
        self.up = Dropdown("How many objects there are, or a second column.")
        self.logarithmic = checkbox("log", "Plot sizes by their logarithm.", self._draw)
        self.area: PlotArea | None = None
        self._columns: Columns = {}
        self._shown = np.zeros(0, bool)
        self._selected = np.zeros(0, np.intp)
        self._colours: dict[str, str] = {}
        self._outdated = True
        self.across.picked.connect(self._draw)
        self.up.picked.connect(self._draw)
        row = QHBoxLayout()
        row.addWidget(self.across, 1)
        row.addWidget(QLabel("by"))
        row.addWidget(self.up, 1)
        row.addWidget(self.logarithmic)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._column.addLayout(row)

    def showEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Make the plot when it is first seen, and draw what has changed meanwhile."""
        super().showEvent(event)
        if self.area is None:
            from napari_scsam.gui.panels.objects.plot_area import PlotArea

            self.area = PlotArea()
            self.area.setMinimumHeight(HEIGHT)
            self.area.dragged.connect(self._pick)
            self._column.addWidget(self.area, 1)
        if self._outdated:
            self._draw()

    def show_columns(self, columns: Columns, shown: NDArray[np.bool_]) -> None:
        """Show other columns, and which of their rows pass the filters."""
        self._columns = columns
        self._shown = shown
        self._selected = np.zeros(0, np.intp)
        self._offer(plotted(columns))
        self._draw()

    def show_rows(self, shown: NDArray[np.bool_]) -> None:
        """Show the rows that pass other filters."""
        self._shown = shown
        self._draw()

    def show_colours(self, colours: Mapping[str, str]) -> None:
        """Set the colour of each class, by its name."""
        self._colours = dict(colours)
        self._draw()

    def show_selected(self, rows: NDArray[np.intp]) -> None:
        """Show which rows of the columns are selected."""
        self._selected = rows
        if self.area is not None and self.isVisible():
            self.area.show_selected(self._values(rows))

    def _offer(self, keys: Sequence[str]) -> None:
        across = self.across.current()
        up = self.up.current()
        self.across.empty()
        self.up.empty()
        self.up.add(COUNT_AXIS, "count", self.up.toolTip())
        for key in keys:
            self.across.add(key, heading(key))
            self.up.add(key, heading(key))
        if not self.across.show_choice(across) and keys:
            self.across.show_choice(keys[0])
        if not self.up.show_choice(up):
            self.up.show_choice(COUNT_AXIS)

    def _draw(self, *_: object) -> None:
        """Draw everything, now or when it is next seen."""
        self._outdated = not self.isVisible() or self.area is None
        if self._outdated or self.area is None:
            return
        self.area.clear()
        across = self.across.current()
        if across is None or not self._shown.any():
            return
        rows = np.flatnonzero(self._shown)
        x, y = self._values(rows)
        known = np.isfinite(x) & np.isfinite(y)
        groups = self._groups(rows)
        logarithmic = self.logarithmic.isChecked()
        if self.up.current() == COUNT_AXIS:
            self.area.draw_histogram(x, known, groups, logarithmic=logarithmic)
        else:
            self.area.draw_scatter(x, y, known, groups, logarithmic=logarithmic)
        self.area.show_selected(self._values(self._selected))

    def _groups(self, rows: NDArray[np.intp]) -> list[tuple[str, NDArray[np.bool_]]]:
        """Return the colour of each class, and which of some rows are of it."""
        names = self._columns.get(CLASS)
        if names is None:
            return [(OTHER_COLOUR, np.ones(len(rows), bool))]
        own = names[rows]
        return [
            (self._colours.get(name, OTHER_COLOUR), own == name)
            for name in sorted(set(own.tolist()))
        ]

    def _values(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where some rows are plotted; in a histogram, all at 0 along y."""
        x = self._along(self.across.current(), rows)
        if self.up.current() in (None, COUNT_AXIS):
            return x, np.zeros(len(rows))
        return x, self._along(self.up.current(), rows)

    def _along(self, key: str | None, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        if key is None or key not in self._columns:
            return np.full(len(rows), np.nan)
        values = self._columns[key][rows].astype(np.float64)
        if not self.logarithmic.isChecked():
            return values
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(values > 0, np.log10(values), np.nan)

    def _pick(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        rows = np.flatnonzero(self._shown)
        right, high = self._values(rows)
        held = (right >= x[0]) & (right <= x[1])
        if self.up.current() != COUNT_AXIS:
            held &= (high >= y[0]) & (high <= y[1])
        self.picked.emit(rows[held])
