"""Leaves the mouse wheel to the panel: who scrolls past a number, a list or a slider does not mean to change it."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QSlider, QWidget


class WheelPasses(QObject):
    """Lets the wheel pass a field to what it lies on, unless the field was clicked or tabbed into."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  # Qt's name
        """Hand the wheel on."""
        if (
            event.type() == QEvent.Type.Wheel
            and isinstance(watched, QWidget)
            and not watched.hasFocus()
        ):
            event.ignore()
            return True
        return False


def scroll_past_fields(root: QWidget) -> None:
    """Let the wheel scroll past the fields below a widget."""
    passes = WheelPasses(root)
    for field in root.findChildren(QWidget):
        if isinstance(field, QAbstractSpinBox | QComboBox | QSlider):
            field.installEventFilter(passes)
            if field.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                field.setFocusPolicy(
                    Qt.FocusPolicy.StrongFocus
                )  # else Qt gives it the focus before it turns
