"""Labelled sliders: one for the threshold, one for a range of slices."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QSlider
from superqt import QLabeledDoubleSlider, QLabeledRangeSlider
from superqt.utils import signals_blocked

STEPS = {
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_Up: 1,
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Down: -1,
    Qt.Key.Key_PageUp: 10,
    Qt.Key.Key_PageDown: -10,
}
"""Steps that a key moves a slider by."""


class OffsetSlider(QLabeledDoubleSlider):
    """A slider from -largest to +largest, whose value can be typed and moved with arrow keys.

    Parameters
    ----------
    largest
        The value at the right end.
    step
        What an arrow key adds; values are multiples of it.
    """

    def __init__(self, largest: float, step: float) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._step = step
        self.setDecimals(1)
        self.setRange(-largest, largest)
        self._slider.setSingleStep(step)
        self._slider.setPageStep(10 * step)
        # superqt's sliders of floats ignore the keyboard, as of version 0.9
        for slider in self.findChildren(QSlider):
            slider.installEventFilter(self)

    def offset(self) -> float:
        """Return the value, rounded to a whole number of steps."""
        steps = round(float(self.value()) / self._step)
        return round(steps * self._step, 6)

    def show_offset(self, value: float) -> None:
        """Show a value without emitting a signal."""
        with signals_blocked(self):
            self.setValue(value)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  # Qt's name
        """Move the slider with the arrow keys."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps = STEPS.get(Qt.Key(event.key()))
            if steps is not None:
                self.setValue(self.offset() + steps * self._step)
                return True
        return bool(super().eventFilter(watched, event))


class SliceRange(QLabeledRangeSlider):
    """A slider with two handles, whose numbers are shown at its ends and can be typed."""

    range_picked = Signal(int, int)
    """First and last slice, both included."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setHandleLabelPosition(self.LabelPosition.NoLabel)
        self.setEdgeLabelMode(self.EdgeLabelMode.LabelIsValue)
        self.valueChanged.connect(self._pick)

    def show_slices(self, first: int, last: int, depth: int) -> None:
        """Show a range of slices of an image of `depth` slices, without emitting a signal."""
        with signals_blocked(self):
            self.setRange(0, max(1, depth - 1))
            self.setValue((first, last))

    def _pick(self, values: tuple[int, int]) -> None:
        self.range_picked.emit(min(values), max(values))
