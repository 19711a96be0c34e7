"""Small widgets and helpers that the panels are built of."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any, cast

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QColor, QHelpEvent, QIcon, QKeyEvent, QPainter, QPixmap, QStandardItemModel
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QToolTip,
    QWidget,
)

SWATCH = 12
"""Side of a colour swatch in pixels."""

BESIDE_ICON = 4
"""Pixels between the icon and the name in a dropdown."""

WIDEST = 600
"""Pixels of an opened list; longer names are cut short, and have a tooltip."""

Slot = Callable[..., object]
"""What a signal is connected to: a function, a method or another signal."""


def plain_tip(text: str) -> str:
    """Return the text of a tooltip as Qt shows it literally: a name in a file may look like HTML."""
    if "<" not in text:
        return text
    return f"<span>{html.escape(text)}</span>".replace("\n", "<br>")


def item_tip(name: str, description: str = "") -> str:
    """Return the tooltip of an item of a list, which may be cut short: its name, and about it."""
    if description.startswith(name):
        return plain_tip(description)
    return plain_tip("\n".join(filter(None, (name, description))))


def plain_label(text: str = "") -> QLabel:
    """Create a label that shows its text literally."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def note_label(text: str = "") -> QLabel:
    """Create a label for a sentence; it wraps, and its text can be copied."""
    label = plain_label(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def button(
    text: str, tip: str, slot: Slot | None = None, *, checkable: bool = False
) -> QPushButton:
    """Create a button with a tooltip that calls `slot` when it is clicked."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setCheckable(checkable)
    if slot is not None:
        made.clicked.connect(slot)
    return made


OPEN_FIRST = "Open a volume first."
SHOW_A_SLICE = "Show a slice first: the view is 3-D. Ctrl+Y switches to 2-D."


def offer(part: QWidget, tip: str, obstacle: str) -> None:
    """Enable a part, or disable it and have its tooltip explain what to do first."""
    part.setEnabled(not obstacle)
    part.setToolTip(obstacle or tip)


def checkbox(text: str, tip: str, slot: Slot) -> QCheckBox:
    """Create a check box with a tooltip; `slot` gets its new state when the user clicks it."""
    made = QCheckBox(text)
    made.setToolTip(tip)
    made.clicked.connect(slot)
    return made


def fill_row(row: QLayout, *widgets: QWidget) -> None:
    """Add widgets to a layout, one after the other."""
    for widget in widgets:
        row.addWidget(widget)


class SingleClicks(QObject):
    """Takes a double click for one click, where the second would undo the first."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802, ARG002  # Qt's
        """Drop the second press of a double click."""
        return event.type() == QEvent.Type.MouseButtonDblClick


def click_once(*widgets: QWidget) -> None:
    """Take a double click on these widgets for one click."""
    for widget in widgets:
        widget.installEventFilter(SingleClicks(widget))


class LettersPass(QObject):
    """Passes letters typed over a list on to napari; text fields keep theirs (`field_keys`)."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802, ARG002  # Qt's
        """Pass a letter on to the window."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        if not event.text().isalpha():
            return False
        event.ignore()
        return True


def let_letters_pass(*widgets: QWidget) -> None:
    """Leave letters typed over these widgets to napari's shortcuts."""
    for widget in widgets:
        widget.installEventFilter(LettersPass(widget))


class Dropdown(QComboBox):
    """A dropdown of Python objects; long names are cut short, so that the panel stays narrow."""

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

    def is_cut(self) -> bool:
        """Whether the name shown is cut short."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        complex_ = QStyle.ComplexControl.CC_ComboBox
        field = QStyle.SubControl.SC_ComboBoxEditField
        width = self.style().subControlRect(complex_, option, field, self).width()
        if not self.itemIcon(self.currentIndex()).isNull():
            width -= self.iconSize().width() + BESIDE_ICON
        return self.fontMetrics().horizontalAdvance(self.currentText()) > width

    def event(self, event: QEvent) -> bool:
        """Show a name that is cut short before the tooltip."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self.is_cut():
            name = html.escape(self.currentText())
            about = self.toolTip()
            if not about.startswith("<"):  # not made by `plain_tip`
                about = html.escape(about).replace("\n", "<br>")
            QToolTip.showText(event.globalPos(), f"<span>{name}<br>{about}</span>", self)
            return True
        return bool(super().event(event))

    def showPopup(self) -> None:  # noqa: N802  # Qt's name
        """Open a list that is as wide as its names."""
        widen(self.view())
        super().showPopup()

    def hidePopup(self) -> None:  # noqa: N802  # Qt's name
        """Close the list and return the keyboard to napari."""
        super().hidePopup()
        self.clearFocus()

    def empty(self) -> None:
        """Remove all choices."""
        self.clear()
        self._choices.clear()

    def add(self, choice: object, name: str, tooltip: str = "", icon: QIcon | None = None) -> None:
        """Offer one more choice."""
        self._choices.append(choice)
        self.addItem(icon or QIcon(), name)
        tip = item_tip(name, tooltip)
        self.setItemData(self.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)

    def current(self) -> Any:
        """Return the selected choice; None when nothing is selected."""
        index = self.currentIndex()
        if index < 0:
            return None
        return self._choices[index]

    def show_choice(self, choice: object) -> bool:
        """Select a choice; return False, and select nothing, if it is not offered."""
        for index, offered in enumerate(self._choices):
            if offered is choice or offered == choice:
                self.setCurrentIndex(index)
                return True
        self.setCurrentIndex(-1)
        return False

    def show_possible(self, choice: object, *, possible: bool) -> None:
        """Enable a choice, or show it in grey."""
        item = cast("QStandardItemModel", self.model()).item(self._choices.index(choice))
        item.setEnabled(possible)


def widen(view: QAbstractItemView) -> None:
    """Make an opened list as wide as its names, beside a scroll bar."""
    room = view.verticalScrollBar().sizeHint().width()
    view.setMinimumWidth(min(view.sizeHintForColumn(0) + room, WIDEST))


def swatch(*colours: str, side: int = SWATCH) -> QIcon:
    """Draw a square of one colour, or of several in stripes."""
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    for i, colour in enumerate(colours):
        left = side * i // len(colours)
        right = side * (i + 1) // len(colours)
        painter.fillRect(left, 0, right - left, side, QColor(colour))
    painter.end()
    return QIcon(pixmap)


def keep_space_when_hidden(widget: QWidget) -> None:
    """Reserve the space of a widget while it is hidden, so that nothing jumps."""
    policy = widget.sizePolicy()
    policy.setRetainSizeWhenHidden(True)
    widget.setSizePolicy(policy)
