"""The plot itself, drawn by pyqtgraph; a drag selects a range or a rectangle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QGraphicsRectItem

POINT_PIXELS = 4
"""Pixels of a point."""

SELECTED_POINT = 7
BINS = 40
"""Of a histogram."""

MOST_DRAWN = 20_000
"""Points that are drawn; of more, every second, third and so on."""

PlotGroups = Sequence[tuple[str, NDArray[np.bool_]]]
PlotValues = NDArray[np.float64]


class PickBox(pg.ViewBox):  # type: ignore[misc]  # pyqtgraph has no types
    """Where is plotted: a drag with the left button draws a rectangle, a right click fits all."""

    def __init__(self, done: Any) -> None:
        super().__init__(enableMenu=False)
        self._done = done
        self._band = QGraphicsRectItem()
        self._band.hide()
        self.addItem(self._band, ignoreBounds=True)

    def set_colour(self, colour: QColor) -> None:
        """Set the colour of the rectangle."""
        self._band.setPen(pg.mkPen(colour, width=1, style=Qt.PenStyle.DashLine))
        self._band.setBrush(pg.mkBrush(faint(colour)))

    def mouseDragEvent(self, event: Any, axis: Any = None) -> None:  # noqa: N802  # pyqtgraph's
        """Draw a rectangle, and report it at the end."""
        if event.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        start = self.mapToView(event.buttonDownPos())
        end = self.mapToView(event.pos())
        self._band.setRect(QRectF(start, end).normalized())
        self._band.setVisible(not event.isFinish())
        if event.isFinish():
            self._done(start, end)

    def mouseClickEvent(self, event: Any) -> None:  # noqa: N802  # pyqtgraph's
        """Show everything again after a zoom."""
        if event.button() == Qt.MouseButton.RightButton:
            self.autoRange()


class PlotArea(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """Draws histograms and scatters of objects, in the colours of their classes."""

    dragged = Signal(object, object)
    """The lowest and highest value along x, and along y."""

    def __init__(self) -> None:
        # Before Qt's own, which tells of a change of style while it is made.
        self._box = PickBox(self._on_dragged)
        self._selection = pg.ScatterPlotItem()
        self._range = pg.LinearRegionItem(movable=False)
        super().__init__(viewBox=self._box, background=None)
        self.setToolTip("Drag to select objects. The wheel zooms, a right click shows all.")
        plot = self.getPlotItem()
        plot.hideButtons()
        for side in ("left", "bottom"):
            plot.getAxis(side).enableAutoSIPrefix(False)
        self._is_histogram = True

    def sizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        """Return the smallest size, so that the page is not scrolled for a larger plot."""
        return QSize(self.minimumWidth(), self.minimumHeight())

    def changeEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Draw axes in the colour of the theme's text."""
        super().changeEvent(event)
        self._colour_axes()

    def clear(self) -> None:
        """Remove what is plotted."""
        for item in list(self.getPlotItem().items):
            self.removeItem(item)

    def draw_histogram(
        self, x: PlotValues, known: NDArray[np.bool_], groups: PlotGroups, *, logarithmic: bool
    ) -> None:
        """Draw how many objects of each class have a value, stacked."""
        self._begin(is_histogram=True, logarithmic=logarithmic)
        if not known.any():
            return
        edges = bins_of(x[known])
        below = np.zeros(len(edges) - 1)
        for colour, mask in groups:
            counts = np.histogram(x[known & mask], edges)[0]
            self._add_bars(edges, below, counts, colour)
            below = below + counts
        self._box.setRange(xRange=(edges[0], edges[-1]), yRange=(0, below.max()), padding=0.03)

    def _add_bars(
        self, edges: PlotValues, below: PlotValues, counts: PlotValues, colour: str
    ) -> None:
        bars = pg.BarGraphItem(
            x0=edges[:-1], x1=edges[1:], y0=below, height=counts, pen=None, brush=pg.mkBrush(colour)
        )
        self.addItem(bars)

    def draw_scatter(
        self,
        x: PlotValues,
        y: PlotValues,
        known: NDArray[np.bool_],
        groups: PlotGroups,
        *,
        logarithmic: bool,
    ) -> None:
        """Draw a point for each object."""
        self._begin(is_histogram=False, logarithmic=logarithmic)
        if not known.any():
            return
        every = 1 + len(x) // MOST_DRAWN
        for colour, mask in groups:
            drawn = np.flatnonzero(known & mask)[::every]
            points = pg.ScatterPlotItem(
                x[drawn], y[drawn], size=POINT_PIXELS, pen=None, brush=pg.mkBrush(colour)
            )
            self.addItem(points)
        self._box.setRange(
            xRange=(x[known].min(), x[known].max()),
            yRange=(y[known].min(), y[known].max()),
            padding=0.05,
        )

    def show_selected(self, values: tuple[PlotValues, PlotValues]) -> None:
        """Mark the selected objects: the range of their values, or their points."""
        for item in (self._selection, self._range):
            if item in self.getPlotItem().items:
                self.removeItem(item)
        x, y = values
        known = np.isfinite(x) & np.isfinite(y)
        if not known.any():
            return
        if self._is_histogram:
            self._range.setRegion((x[known].min(), x[known].max()))
            self.addItem(self._range, ignoreBounds=True)
            return
        drawn = np.flatnonzero(known)[:: 1 + len(x) // MOST_DRAWN]
        colour = self.palette().text().color()
        brush = pg.mkBrush(colour)
        self._selection.setData(x[drawn], y[drawn], size=SELECTED_POINT, pen=None, brush=brush)
        self.addItem(self._selection, ignoreBounds=True)

    def _begin(self, *, is_histogram: bool, logarithmic: bool) -> None:
        self._is_histogram = is_histogram
        plot = self.getPlotItem()
        # Values are logarithms already: only the numbers on the axes are powers of ten.
        plot.getAxis("bottom").setLogMode(x=logarithmic)
        plot.getAxis("left").setLogMode(y=logarithmic and not is_histogram)
        self._colour_axes()

    def _colour_axes(self) -> None:
        if self.plotItem is None:
            return  # it is being made
        colour = self.palette().text().color()
        for side in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(side)
            axis.setPen(colour)
            axis.setTextPen(colour)
        self._box.set_colour(colour)
        self._selection.setBrush(pg.mkBrush(colour))
        self._range.setBrush(pg.mkBrush(faint(colour)))
        for line in self._range.lines:
            line.setPen(pg.mkPen(colour))

    def _on_dragged(self, start: QPointF, end: QPointF) -> None:
        x = sorted((start.x(), end.x()))
        y = sorted((start.y(), end.y()))
        self.dragged.emit(tuple(x), tuple(y))


def faint(colour: QColor) -> QColor:
    """Return a colour that what is below shines through."""
    made = QColor(colour)
    made.setAlpha(50)
    return made


def bins_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges of the bins of a histogram; one bin where all values are equal."""
    low = float(values.min())
    high = float(values.max())
    if low == high:
        return np.array([low - 0.5, low + 0.5])
    return np.linspace(low, high, BINS + 1)
