"""Live curves of a training, and its validation tile."""

from __future__ import annotations

from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QImage, QPixmap, QResizeEvent, QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_scsam.gui.panels.parts.widgets import plain_tip

HEIGHT = 112
"""Of each plot and of the tile, which stand side by side."""

LEAST = 66
"""Of these where the font is large and the window is small: the tab does not scroll for them."""

LINES = 33
"""Lines of text that the window must hold for the full height."""

DRAW_EVERY = 0.25
"""Seconds of training between two drawings of the loss."""

TITLE_SIZE = "8pt"
"""Of the titles of plots."""

UNSEEN = "unseen: Dice"
"""Title of a plot, which is narrow."""

UNSEEN_TIP = "Dice on reviewed regions that it does not learn from"

LOSS_COLOUR = "#8c8c8c"
OTHER_COLOUR = "#ffd54a"


class TrainingView(QWidget):
    """The loss by step, the Dice of each class where nothing is learned, and a crop that sharpens."""

    def __init__(self) -> None:
        super().__init__()
        self.colours: dict[str, str] = {}
        """By the name of the class."""
        self.tile = TrainingPicture()
        self.tile.setToolTip(
            "A reviewed region that it does not learn from: colour is what it finds now,\n"
            "white outlines are what you reviewed."
        )
        self.plots = QHBoxLayout()
        self.plots.setSpacing(0)
        self.loss: Any = None
        self.dice: Any = None
        self._steps: list[int] = []
        self._losses: list[float] = []
        self._dice: dict[str, tuple[list[int], list[float]]] = {}
        self._drawn = -1.0
        row = QHBoxLayout()
        row.addWidget(self.tile)
        row.addLayout(self.plots, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(row)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  # Qt's name
        """Fit the height to the window."""
        super().showEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  # Qt's name
        """Fit the height to another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self._fit()

    def _fit(self) -> None:
        """Take less height where the window holds few lines."""
        lines = self.window().height() // self.tile.fontMetrics().height()
        height = HEIGHT if lines >= LINES else LEAST
        for part in (self.tile, self.loss, self.dice):
            if part is not None:
                part.setFixedHeight(height)

    @property
    def has_content(self) -> bool:
        """Whether anything was drawn."""
        return bool(self._steps)

    def clear(self) -> None:
        """Begin with empty curves."""
        self._steps.clear()
        self._losses.clear()
        self._dice.clear()
        self._drawn = -1.0
        self.tile.clear()
        for plot in (self.loss, self.dice):
            if plot is not None:
                plot.clear()

    def add_step(self, message: dict[str, Any]) -> None:
        """Add a step of learning: its loss, and Dice if it was validated."""
        if not self._dice:
            for name, value in message["first"].items():
                self._dice[name] = ([max(0, message["step"] - 1)], [value])
        self._steps.append(message["step"])
        self._losses.append(message["losses"]["loss"])
        for name, value in message.get("dice", {}).items():
            steps, values = self._dice.setdefault(name, ([], []))
            steps.append(message["step"])
            values.append(value)
        if message["seconds"] - self._drawn > DRAW_EVERY or "dice" in message:
            self._drawn = message["seconds"]
            self._draw()

    def show_picture(self, picture: NDArray[np.uint8]) -> None:
        """Show the tile, Y×X×3."""
        pixels = np.ascontiguousarray(picture)
        height, width = pixels.shape[:2]
        image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self.tile.show_pixmap(QPixmap.fromImage(image))

    def _draw(self) -> None:
        self._fit()
        if self.loss is None:
            self.loss = self._make_plot("loss")
        elif self.dice is None:  # later, so that the window is not held up twice at once
            self.dice = self._make_plot(UNSEEN)
            self.dice.setYRange(0, 1)
        self.loss.plot(
            self._steps, running_mean(self._losses), pen=LOSS_COLOUR, clear=True, antialias=True
        )
        if self.dice is not None:
            self._draw_dice()

    def _draw_dice(self) -> None:
        """Draw the curves; the title is their mean, and the tooltip names each class."""
        latest = {name: values[-1] for name, (_, values) in self._dice.items()}
        if latest:
            self.dice.setTitle(f"{UNSEEN} {mean(latest.values()):.2f}", size=TITLE_SIZE)
        lines = [UNSEEN_TIP, *(f"{name} {value:.2f}" for name, value in latest.items())]
        self.dice.setToolTip(plain_tip("\n".join(lines)))
        self.dice.clear()
        for name, (steps, values) in self._dice.items():
            colour = self.colours.get(name, OTHER_COLOUR)
            dots = {"symbol": "o", "symbolSize": 5, "symbolBrush": colour, "symbolPen": None}
            self.dice.plot(steps, values, pen=colour, **dots)

    def _make_plot(self, title: str) -> Any:
        """Create a plot when it is first needed: the import takes a second."""
        import pyqtgraph

        plot = pyqtgraph.PlotWidget(background=None)
        plot.setFixedHeight(self.tile.height())
        plot.setMinimumWidth(90)
        plot.setMouseEnabled(False, False)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.setLimits(xMin=0)
        plot.setTitle(title, size=TITLE_SIZE)
        self.plots.addWidget(plot)
        return plot


class TrainingPicture(QLabel):
    """A picture that is as large as its place."""

    def __init__(self) -> None:
        super().__init__()
        self._picture = QPixmap()
        self.setFixedSize(HEIGHT, HEIGHT)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def show_pixmap(self, picture: QPixmap) -> None:
        """Show a picture."""
        self._picture = picture
        self._fit()

    def clear(self) -> None:
        """Show nothing."""
        self._picture = QPixmap()
        super().clear()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  # Qt's name
        """Scale the picture to the new size."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self._picture.isNull():
            return
        smooth = Qt.TransformationMode.SmoothTransformation
        keep = Qt.AspectRatioMode.KeepAspectRatio
        self.setPixmap(self._picture.scaled(self.size(), keep, smooth))


def running_mean(losses: list[float], share: float = 0.85) -> list[float]:
    """Return the running mean of losses, in which each step fades by a share."""
    total = 0.0
    weight = 0.0
    means = []
    for loss in losses:
        total = share * total + loss
        weight = share * weight + 1
        means.append(total / weight)
    return means
