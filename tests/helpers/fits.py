"""Finds texts that are cut off."""

from __future__ import annotations

from qtpy.QtWidgets import QAbstractButton, QLabel, QTableWidget, QWidget
from superqt import QElidingLabel


def cut_off(root: QWidget) -> list[str]:
    """Return the texts of visible widgets that do not fit into them."""
    shown = [widget for widget in root.findChildren(QWidget) if widget.isVisible()]
    return [f"{type(widget).__name__}: {_text(widget)}" for widget in shown if _is_cut(widget)]


def _text(widget: QWidget) -> str:
    if isinstance(widget, QTableWidget):
        return "a column"
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
        return widget.width() < widget.fontMetrics().horizontalAdvance(text)
    if isinstance(widget, QTableWidget):
        return any(_is_narrow(widget, column) for column in range(widget.columnCount()))
    return False


def _is_narrow(table: QTableWidget, column: int) -> bool:
    return table.columnWidth(column) < table.sizeHintForColumn(column)
