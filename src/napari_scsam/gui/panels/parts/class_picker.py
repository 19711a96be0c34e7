"""Choosing classes: one by typing or from a list, several by ticking them."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QFocusEvent
from qtpy.QtWidgets import (
    QCompleter,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
    QWidgetAction,
)

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.widgets import Dropdown, swatch

SHOWN_AT_ONCE = 12
"""Classes in the list of several; more are scrolled to."""


class ClassDropdown(Dropdown):
    """A dropdown of classes that is searched by typing a part of a name."""

    def __init__(self, tooltip: str) -> None:
        super().__init__(tooltip)
        self.removeEventFilter(self._keys)  # letters are for the search
        self.setEditable(True)
        self.setInsertPolicy(Dropdown.InsertPolicy.NoInsert)
        self.setMaxVisibleItems(SHOWN_AT_ONCE + 2)
        completer = self.completer() or QCompleter(self)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.line = self.lineEdit() or QLineEdit(self)
        self.line.editingFinished.connect(self._show_current)
        self.line.returnPressed.connect(self._take_first)

    def show_chosen(self, chosen: Sequence[ClassSpec]) -> None:
        """Point at the classes in use; several that are not offered together are added for as long as they are in use."""
        if len(chosen) > 1 and not self.show_choice(tuple(chosen)):
            self.add(
                tuple(chosen),
                ", ".join(spec.name for spec in chosen),
                icon=swatch(*(spec.colour for spec in chosen)),
            )
        self.show_choice(tuple(chosen))
        self.line.setCursorPosition(0)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  # Qt's name
        """Select the name, so that what is typed takes its place."""
        super().focusInEvent(event)
        QTimer.singleShot(0, self.line.selectAll)  # a click puts the cursor into the text first

    def _take_first(self) -> None:
        """Take the first class that holds what was typed, so that Enter ends a search; then leave."""
        completer = self.completer()
        typed = self.line.text().strip()
        if typed and self.findText(typed) < 0 and completer is not None:
            completer.setCompletionPrefix(typed)
            if (index := self.findText(completer.currentCompletion())) >= 0:
                self.setCurrentIndex(index)
                self.activated.emit(index)
        self.clearFocus()

    def _show_current(self) -> None:
        """Return up a text that is no class."""
        if self.findText(self.currentText()) < 0:
            self.setEditText(self.itemText(self.currentIndex()))


class SeveralClasses(QPushButton):
    """A button that opens a list in which classes are ticked."""

    picked = Signal(object)
    """A tuple of `ClassSpec`, when the list is closed with other ticks than it was opened with."""

    def __init__(self) -> None:
        super().__init__("Several  ")
        self.setToolTip("Tick the classes to segment together.")
        self._classes: tuple[ClassSpec, ...] = ()
        self._opened_with: tuple[ClassSpec, ...] = ()
        self.search = QLineEdit()
        self.search.setPlaceholderText("search")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.list = QListWidget()
        everything = QPushButton("All or none")
        everything.clicked.connect(self._tick_all)
        menu = QMenu(self)
        action = QWidgetAction(menu)
        body = QWidget()
        column = QVBoxLayout(body)
        for part in (self.search, self.list, everything):
            column.addWidget(part)
        action.setDefaultWidget(body)
        menu.addAction(action)
        menu.aboutToShow.connect(self._open)
        menu.aboutToHide.connect(self._close)
        self.setMenu(menu)

    def show_classes(self, classes: Sequence[ClassSpec]) -> None:
        """List the classes."""
        self._classes = tuple(classes)
        self.list.clear()
        for spec in classes:
            item = QListWidgetItem(swatch(spec.colour), spec.name)
            item.setToolTip(spec.description)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.setFixedHeight(
            (min(len(classes), SHOWN_AT_ONCE) or 1) * max(18, self.list.sizeHintForRow(0)) + 8
        )

    def show_chosen(self, chosen: Sequence[ClassSpec]) -> None:
        """Tick the classes in use."""
        for row, spec in enumerate(self._classes):
            if (item := self.list.item(row)) is not None:
                item.setCheckState(
                    Qt.CheckState.Checked if spec in chosen else Qt.CheckState.Unchecked
                )

    def ticked(self) -> tuple[ClassSpec, ...]:
        """Return the classes that are ticked."""
        items = [self.list.item(row) for row in range(len(self._classes))]
        return tuple(
            c
            for c, item in zip(self._classes, items, strict=True)
            if item.checkState() == Qt.CheckState.Checked
        )

    def _filter(self, text: str) -> None:
        for row, spec in enumerate(self._classes):
            if (item := self.list.item(row)) is not None:
                item.setHidden(text.casefold() not in spec.name.casefold())

    def _tick_all(self) -> None:
        self.show_chosen(() if self.ticked() == self._classes else self._classes)

    def _open(self) -> None:
        self.search.clear()
        self._opened_with = self.ticked()
        self.search.setFocus()

    def _close(self) -> None:
        if self.ticked() and self.ticked() != self._opened_with:
            self.picked.emit(self.ticked())
        elif not self.ticked():
            self.show_chosen(self._opened_with)
