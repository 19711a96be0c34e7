"""Keeps what is typed in a field of ours in that field.

Qt hands a key that a field has no use for (a letter in a number, Enter, an
arrow) to the field's parents, and napari's dock and window run it as a
shortcut: a letter typed into a number would grow the object under the mouse.
"""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QLineEdit, QWidget

LEAVES = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape)
WALKS = (Qt.Key.Key_Tab, Qt.Key.Key_Backtab)
NOT_TYPED = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)


class FieldKeys(QObject):
    """Lets a field have its keys, and nobody else; Enter and Esc leave it, so that shortcuts work again."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  # Qt's name
        """Return a key to the field, and stop it there."""
        if (
            not isinstance(event, QKeyEvent)
            or not isinstance(watched, QWidget)
            or not _is_typed(event)
        ):
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            if not (event.text().isprintable() and event.text()) and event.key() not in LEAVES:
                return False  # F11 and the like are the window's
            event.accept()
            return True
        if event.type() != QEvent.Type.KeyPress:
            return False
        if _is_shortcut_of_ours(watched, event):
            event.ignore()
            return True
        watched.event(event)
        if event.key() in LEAVES:
            watched.clearFocus()
        event.accept()
        return True


def keep_keys_in_fields(root: QWidget) -> None:
    """Keep what is typed in the fields below a widget from napari's keys; those of menus are windows of their own."""
    keys = FieldKeys(root)
    for field in root.findChildren(QWidget):
        if root.isAncestorOf(field) and _is_field(field):
            field.installEventFilter(keys)
            if field.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                field.setFocusPolicy(
                    Qt.FocusPolicy.StrongFocus
                )  # who only turned the wheel does not mean to type


def _is_field(widget: QWidget) -> bool:
    return isinstance(widget, QLineEdit | QAbstractSpinBox) or (
        isinstance(widget, QComboBox) and widget.isEditable()
    )


def _is_typed(event: QKeyEvent) -> bool:
    """Whether a key is meant for the field: Ctrl and the like make it a command, and Tab goes to the next field."""
    return not event.modifiers() & NOT_TYPED and event.key() not in WALKS


def _is_shortcut_of_ours(field: QWidget, event: QKeyEvent) -> bool:
    """Whether it is a letter with Shift in a number, where nobody types one: after a number is set, Shift+S segments."""
    shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
    return isinstance(field, QAbstractSpinBox) and shifted and event.text().isalpha()
