"""Finds texts that are cut off."""

from __future__ import annotations

from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel, QTableWidget, QWidget
from superqt import QElidingLabel


def cut_off(root: QWidget) -> list[str]:
    """Return the texts of visible widgets that do not fit into them."""
    shown = [widget for widget in root.findChildren(QWidget) if widget.isVisible()]
    return [f"{type(widget).__name__}: {_text(widget)}" for widget in shown if _is_cut(widget)]


def _text(widget: QWidget) -> str:
    if isinstance(widget, QTableWidget):
        return "a column"
    if isinstance(widget, QComboBox):
        return widget.currentText()
    return widget.text()


def _is_cut(widget: QWidget) -> bool:
    if isinstance(widget, QElidingLabel):
        return False  # its tooltip holds the whole text
    if isinstance(widget, QLabel):
        if widget.wordWrap():
            return widget.height() < widget.heightForWidth(widget.width())
        return bool(widget.text()) and widget.width() < widget.sizeHint().width() - 1
    if isinstance(widget, QAbstractButton):
        text = widget.text().replace("&&", "&")
        letters = widget.fontMetrics()
        is_low = bool(text) and widget.height() < letters.height() - 1
        return is_low or widget.width() < letters.horizontalAdvance(text)
    if isinstance(widget, QComboBox):
        return _is_cut_unnoticed(widget)
    if isinstance(widget, QTableWidget):
        return any(_is_narrow(widget, column) for column in range(widget.columnCount()))
    return False


def _is_cut_unnoticed(widget: QComboBox) -> bool:
    """Whether the name chosen is cut short without a tooltip that holds it, as a `Dropdown` has."""
    letters = widget.fontMetrics().horizontalAdvance(widget.currentText())
    return letters > widget.width() and not hasattr(widget, "is_cut")


def _is_narrow(table: QTableWidget, column: int) -> bool:
    return table.columnWidth(column) < table.sizeHintForColumn(column)
