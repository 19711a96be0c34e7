"""Live curves of a training, and its validation tile."""

from __future__ import annotations

from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_scsam.gui.panels.parts.widgets import plain_tip

HEIGHT = 112
"""Of each plot; they stand side by side."""

TILE = 112
"""Side of the tile."""

DRAW_EVERY = 0.25
"""Seconds of training between two drawings of the loss."""

TITLE_SIZE = "8pt"
"""Of the titles of plots."""

LOSS_COLOUR = "#8c8c8c"
OTHER_COLOUR = "#ffd54a"


class TrainingView(QWidget):
    """The loss by step, the Dice of each class on held-out crops, and a crop that sharpens."""

    def __init__(self) -> None:
        super().__init__()
        self.colours: dict[str, str] = {}
        """By the name of the class."""
        self.tile = QLabel()
        self.tile.setFixedSize(TILE, TILE)
        self.tile.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.tile.setToolTip(
            "A held-out crop: colour is what the model answers now,\n"
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
        smooth = Qt.TransformationMode.SmoothTransformation
        keep = Qt.AspectRatioMode.KeepAspectRatio
        self.tile.setPixmap(QPixmap.fromImage(image).scaled(TILE, TILE, keep, smooth))

    def _draw(self) -> None:
        if self.loss is None:
            self.loss = self._make_plot("loss")
        elif self.dice is None:  # later, so that the window is not held up twice at once
            self.dice = self._make_plot("held-out Dice")
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
            self.dice.setTitle(f"held-out Dice {mean(latest.values()):.2f}", size=TITLE_SIZE)
        lines = [f"{name} {value:.2f}" for name, value in latest.items()]
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
        plot.setFixedHeight(HEIGHT)
        plot.setMinimumWidth(90)
        plot.setMouseEnabled(False, False)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.setLimits(xMin=0)
        plot.setTitle(title, size=TITLE_SIZE)
        self.plots.addWidget(plot)
        return plot


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
