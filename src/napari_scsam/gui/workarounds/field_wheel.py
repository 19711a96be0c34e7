"""Leave the mouse wheel to the panel: scrolling past a number, list or slider keeps its value."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar, QWidget


class WheelPasses(QObject):
    """Passes the wheel to what is behind a field, unless the field has the keyboard focus."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  # Qt's name
        """Pass the wheel on."""
        if event.type() != QEvent.Type.Wheel or not isinstance(watched, QWidget):
            return False
        if watched.hasFocus():
            return False
        event.ignore()
        return True


def scroll_past_fields(root: QWidget) -> None:
    """Make the wheel scroll past the fields of a widget."""
    passes = WheelPasses(root)
    for field in root.findChildren(QWidget):
        if not _changes_with_wheel(field):
            continue
        field.installEventFilter(passes)
        if field.focusPolicy() == Qt.FocusPolicy.WheelFocus:
            field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # else the wheel itself gives focus


def _changes_with_wheel(widget: QWidget) -> bool:
    if isinstance(widget, QScrollBar):  # a slider to Qt, and there to be scrolled
        return False
    return isinstance(widget, QAbstractSpinBox | QComboBox | QAbstractSlider)
