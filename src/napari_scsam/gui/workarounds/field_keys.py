"""Keep what is typed into a field of the widget in that field.

Qt passes a key that a field does not use (a letter in a number, Enter, an arrow) to the field's
parents. There napari runs it as a shortcut: a letter typed into a number would grow the object
under the mouse.
"""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QDoubleValidator, QKeyEvent
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QLineEdit, QWidget

LEAVING_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape)
TAB_KEYS = (Qt.Key.Key_Tab, Qt.Key.Key_Backtab)
COMMAND_MODIFIERS = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)


class FieldKeys(QObject):
    """Sends keys to the field alone; Enter and Esc leave it, so that shortcuts work again."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  # Qt's name
        """Send a key to the field, and stop it there."""
        if not isinstance(event, QKeyEvent) or not isinstance(watched, QWidget):
            return False
        if not _is_typed(event):
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            return _claim(event)
        if event.type() == QEvent.Type.KeyPress:
            _type(watched, event)
            return True
        return False


def keep_keys_in_fields(root: QWidget) -> None:
    """Keep what is typed into the fields of a widget from napari; menus are windows of their own."""
    keys = FieldKeys(root)
    for field in root.findChildren(QWidget):
        if root.isAncestorOf(field) and _is_field(field):
            field.installEventFilter(keys)
            if field.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # turning the wheel is not typing


def _claim(event: QKeyEvent) -> bool:
    """Claim a key that would be a shortcut of the window; F11 and the like stay the window's."""
    is_character = bool(event.text()) and event.text().isprintable()
    if not is_character and event.key() not in LEAVING_KEYS:
        return False
    event.accept()
    return True


def _type(field: QWidget, event: QKeyEvent) -> None:
    """Send a key to a field; Enter and Esc leave it."""
    if _is_shortcut_over_number(field, event):
        event.ignore()
        return
    field.event(event)
    if event.key() in LEAVING_KEYS:
        field.clearFocus()
    event.accept()


def _is_field(widget: QWidget) -> bool:
    if isinstance(widget, QComboBox):
        return widget.isEditable()
    return isinstance(widget, QLineEdit | QAbstractSpinBox)


def _is_typed(event: QKeyEvent) -> bool:
    """Whether a key is meant for the field: not with Ctrl and the like, and not Tab."""
    return not event.modifiers() & COMMAND_MODIFIERS and event.key() not in TAB_KEYS


def _is_shortcut_over_number(field: QWidget, event: QKeyEvent) -> bool:
    """Whether it is a letter with Shift over a number, such as Shift+S after a number was set."""
    shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
    return shifted and event.text().isalpha() and _is_number(field)


def _is_number(field: QWidget) -> bool:
    if isinstance(field, QLineEdit):  # such as the label of a slider
        return isinstance(field.validator(), QDoubleValidator)
    return isinstance(field, QAbstractSpinBox)
