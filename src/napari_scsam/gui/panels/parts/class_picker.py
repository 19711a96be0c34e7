"""Choosing classes: one by typing or from a list, several by ticking them."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent, QObject, Qt, QTimer, Signal
from qtpy.QtGui import QFocusEvent
from qtpy.QtWidgets import (
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
    QWidgetAction,
)
from superqt import QSearchableComboBox

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.widgets import (
    Dropdown,
    button,
    fill_row,
    item_tip,
    swatch,
    widen,
)

VISIBLE_CLASSES = 12
"""Classes that the list shows without scrolling."""


class ClassDropdown(Dropdown, QSearchableComboBox):
    """A dropdown of classes that is searched by typing a part of a name."""

    def __init__(self, tooltip: str) -> None:
        super().__init__(tooltip)
        self.removeEventFilter(self._keys)  # letters are for the search
        self.setMaxVisibleItems(VISIBLE_CLASSES + 2)
        self.line = self.lineEdit() or QLineEdit(self)
        self.line.editingFinished.connect(self._restore_text)
        self.line.returnPressed.connect(self._take_first)
        self.line.installEventFilter(self)
        self.activated.connect(self._leave)

    def show_chosen(self, chosen: ClassSpec | None) -> None:
        """Select the class in use."""
        self.show_choice(chosen)
        self.line.setCursorPosition(0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  # Qt's name
        """Open the list by a click on the text too, and let typing narrow it."""
        if watched is self.line and event.type() == QEvent.Type.MouseButtonRelease:
            self.open_list()
        return bool(super().eventFilter(watched, event))

    def open_list(self) -> None:
        """Open the list of all classes under the text, which keeps the keyboard."""
        completer = self.completer()
        if completer is None or not self.count():
            return
        self.line.selectAll()
        look = self.window().styleSheet()  # the list is a window of its own, without napari's style
        popup = completer.popup()
        if popup is not None:
            if popup.styleSheet() != look:
                popup.setStyleSheet(look)
            widen(popup)
        completer.setCompletionPrefix("")
        completer.complete()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  # Qt's name
        """Select the name, so that typing replaces it."""
        super().focusInEvent(event)
        QTimer.singleShot(0, self.line.selectAll)  # a click puts the cursor into the text first

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  # Qt's name
        """Deselect the name."""
        super().focusOutEvent(event)
        self.line.deselect()

    def _leave(self) -> None:
        """Return the keyboard to napari after a choice."""
        self.clearFocus()
        self.line.deselect()

    def _take_first(self) -> None:
        """Choose the first class that matches the text, so that Enter ends a search."""
        completer = self.completer()
        typed = self.line.text().strip()
        if typed and self.findText(typed) < 0 and completer is not None:
            completer.setCompletionPrefix(typed)
            index = self.findText(completer.currentCompletion())
            if index >= 0:
                self.setCurrentIndex(index)
                self.activated.emit(index)
        self.clearFocus()

    def _restore_text(self) -> None:
        """Replace a text that is not a class by the class in use."""
        if self.findText(self.currentText()) < 0:
            self.setEditText(self.itemText(self.currentIndex()))


class MultipleClasses(QPushButton):
    """A button that opens a list in which classes are ticked."""

    picked = Signal(object)
    """A tuple of `ClassSpec`, when the list is closed with other ticks than before."""

    def __init__(self) -> None:
        super().__init__("Multiple …  ")
        self.setToolTip("Tick the classes to segment together.")
        self._classes: tuple[ClassSpec, ...] = ()
        self._opened_with: tuple[ClassSpec, ...] = ()
        self.search = QLineEdit()
        self.search.setPlaceholderText("search")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.list = QListWidget()
        self.setMenu(self._menu())

    def show_classes(self, classes: Sequence[ClassSpec]) -> None:
        """List the classes."""
        self._classes = tuple(classes)
        self.list.clear()
        for spec in classes:
            item = QListWidgetItem(swatch(spec.colour), spec.name)
            item.setToolTip(item_tip(spec.name, spec.description))
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked)
            self.list.addItem(item)
        rows = min(max(1, len(classes)), VISIBLE_CLASSES)
        self.list.setFixedHeight(rows * max(18, self.list.sizeHintForRow(0)) + 8)

    def show_chosen(self, chosen: Sequence[ClassSpec]) -> None:
        """Tick the classes in use."""
        for spec, item in self._items():
            state = Qt.CheckState.Unchecked
            if spec in chosen:
                state = Qt.CheckState.Checked
            item.setCheckState(state)

    def ticked(self) -> tuple[ClassSpec, ...]:
        """Return the classes that are ticked."""
        return tuple(
            spec for spec, item in self._items() if item.checkState() == Qt.CheckState.Checked
        )

    def _menu(self) -> QMenu:
        body = QWidget()
        all_or_none = button("All or none", "Tick all classes, or none.", self._tick_all)
        fill_row(QVBoxLayout(body), self.search, self.list, all_or_none)
        menu = QMenu(self)
        action = QWidgetAction(menu)
        action.setDefaultWidget(body)
        menu.addAction(action)
        menu.aboutToShow.connect(self._open)
        menu.aboutToHide.connect(self._close)
        return menu

    def _items(self) -> list[tuple[ClassSpec, QListWidgetItem]]:
        rows = range(len(self._classes))
        return list(zip(self._classes, map(self.list.item, rows), strict=True))

    def _filter(self, text: str) -> None:
        for spec, item in self._items():
            item.setHidden(text.casefold() not in spec.name.casefold())

    def _tick_all(self) -> None:
        if self.ticked() == self._classes:
            self.show_chosen(())
        else:
            self.show_chosen(self._classes)

    def _open(self) -> None:
        self.search.clear()
        self._opened_with = self.ticked()
        self.search.setFocus()

    def _close(self) -> None:
        if not self.ticked():
            self.show_chosen(self._opened_with)
        elif self.ticked() != self._opened_with:
            self.picked.emit(self.ticked())
