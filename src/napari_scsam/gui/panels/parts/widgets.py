"""Small pieces that the panels are made of."""

from __future__ import annotations

from typing import Any, cast

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPixmap, QStandardItemModel
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy, QWidget

SWATCH = 12
"""Side of a colour swatch in pixels."""


def note(text: str = "") -> QLabel:
    """Create a label for a sentence, which wraps and can be copied."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


class LettersPass(QObject):
    """Lets letters pass a list to choose from, so that they reach napari's keys; fields to type in keep them (see `field_keys`)."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802, ARG002  # Qt's name and arguments
        """Hand a letter on to the window."""
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
            and event.text().isalpha()
        ):
            event.ignore()
            return True
        return False


def let_letters_pass(*widgets: QWidget) -> None:
    """Leave the letters typed over these widgets to napari's keys."""
    for widget in widgets:
        widget.installEventFilter(LettersPass(widget))


class Dropdown(QComboBox):
    """A dropdown of Python objects, which gives way to long names instead of widening the panel."""

    picked = Signal(object)
    """The object that the user picked; not emitted when the program picks."""

    def __init__(self, tooltip: str) -> None:
        super().__init__()
        self.setToolTip(tooltip)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._choices: list[Any] = []
        self.activated.connect(lambda i: self.picked.emit(self._choices[i]))
        self._keys = LettersPass(self)
        self.installEventFilter(self._keys)

    def hidePopup(self) -> None:  # noqa: N802  # Qt's name
        """Close the list, and leave the keys to napari again."""
        super().hidePopup()
        self.clearFocus()

    def empty(self) -> None:
        """Take all choices away."""
        self.clear()
        self._choices.clear()

    def add(self, choice: object, name: str, tooltip: str = "", icon: QIcon | None = None) -> None:
        """Offer one more choice."""
        self._choices.append(choice)
        self.addItem(icon or QIcon(), name)
        self.setItemData(self.count() - 1, tooltip, Qt.ItemDataRole.ToolTipRole)

    def current(self) -> Any:
        """Return the choice pointed at; None without one."""
        return self._choices[self.currentIndex()] if self.currentIndex() >= 0 else None

    def show_choice(self, choice: object) -> bool:
        """Point at a choice; at none, and False, if it is not offered."""
        index = next(
            (
                i
                for i, offered in enumerate(self._choices)
                if offered is choice or offered == choice
            ),
            -1,
        )
        self.setCurrentIndex(index)
        return index >= 0

    def show_possible(self, choice: object, *, possible: bool) -> None:
        """Let the user pick a choice, or show it in grey."""
        item = cast("QStandardItemModel", self.model()).item(self._choices.index(choice))
        item.setEnabled(possible)


def swatch(*colours: str) -> QIcon:
    """Draw a little square of one colour, or of several in stripes."""
    pixmap = QPixmap(SWATCH, SWATCH)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    for i, colour in enumerate(colours):
        left = SWATCH * i // len(colours)
        right = SWATCH * (i + 1) // len(colours)
        painter.fillRect(left, 0, right - left, SWATCH, QColor(colour))
    painter.end()
    return QIcon(pixmap)


def keep_place(widget: QWidget) -> None:
    """Let a widget's place stay empty while it is hidden, so that nothing jumps."""
    policy = widget.sizePolicy()
    policy.setRetainSizeWhenHidden(True)
    widget.setSizePolicy(policy)
