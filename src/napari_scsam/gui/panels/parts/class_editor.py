"""The class manager: a small window in which classes are added and changed by hand."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QColorDialog,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.widgets import (
    button,
    fill_row,
    item_tip,
    note_label,
    plain_tip,
    swatch,
)
from napari_scsam.gui.words import as_sentence, count_of

SIZE = (560, 340)
"""Pixels of the window at first."""

ADD_TIP = (
    "Add a class of this name. It can be painted, reviewed and exported at once.\n"
    "The network finds it after you have taught it by strokes."
)
DELETE_TIP = "Delete the class and its pixels. You are asked first if it has any."
DRAWN_BY_HAND = "The network does not know this class; paint it, or teach it by strokes."
KNOWN = "The network knows it as '{}'."
PLACEHOLDER = "new class: type its name"


class ClassEditor(QDialog):
    """Shows the classes and asks for changes; makes no decisions."""

    add_asked = Signal(str)
    rename_asked = Signal(object, str)
    """A `ClassSpec`, and its new name."""
    recolour_asked = Signal(object, str)
    """A `ClassSpec`, and ``#rrggbb``."""
    describe_asked = Signal(object, str)
    move_asked = Signal(object, int)
    """A `ClassSpec`, and by how many places."""
    delete_asked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Edit classes")
        self.resize(*SIZE)
        self._classes: tuple[ClassSpec, ...] = ()
        self._segmented: frozenset[int] = frozenset()
        self.list = QListWidget()
        self.list.currentRowChanged.connect(self._show_current)
        self.name = QLineEdit()
        self.name.editingFinished.connect(self._rename)
        self.description = QLineEdit()
        self.description.editingFinished.connect(self._describe)
        self.colour = button("", "Choose another colour.", self._ask_for_colour)
        self.up = button("Up", "Move the class up in all lists.", lambda: self._move(-1))
        self.down = button("Down", "Move the class down in all lists.", lambda: self._move(1))
        self.delete = button("Delete", DELETE_TIP, self._delete)
        self.new_name = QLineEdit()
        self.new_name.setPlaceholderText(PLACEHOLDER)
        self.add = button("Add", ADD_TIP, self._add)
        self.note = note_label()
        self.trouble = note_label()
        self._lay_out()

    @property
    def current(self) -> ClassSpec | None:
        """The class that is selected."""
        row = self.list.currentRow()
        if not 0 <= row < len(self._classes):
            return None
        return self._classes[row]

    def select(self, spec: ClassSpec | None) -> None:
        """Select a class; the first one where it is not in the list."""
        ids = [known.id for known in self._classes]
        row = 0
        if spec is not None and spec.id in ids:
            row = ids.index(spec.id)
        self.list.setCurrentRow(row)

    def show_classes(self, classes: Sequence[ClassSpec], segmented: Sequence[int]) -> None:
        """List the classes.

        Parameters
        ----------
        classes
            In their order.
        segmented
            Ids of those that the network knows.
        """
        before = self.current
        known = {spec.id for spec in self._classes}
        self._classes = tuple(classes)
        self._segmented = frozenset(segmented)
        with signals_blocked(self.list):
            self.list.clear()
            for spec in classes:
                item = QListWidgetItem(swatch(spec.colour), spec.name)
                item.setToolTip(item_tip(spec.name, spec.description))
                self.list.addItem(item)
        new = [spec for spec in classes if spec.id not in known]
        if known and len(new) == 1:
            before = new[0]
        self.select(before)
        self._show_current()

    def show_trouble(self, text: str) -> None:
        """Show why a change was refused; nothing where one was made."""
        self.trouble.setText(as_sentence(text))
        self.trouble.setVisible(bool(text))
        if text:
            self._show_current()
        else:
            self.new_name.clear()

    def may_delete(self, name: str, pixels: int) -> bool:
        """Ask whether to delete a class with its pixels; return whether the user agrees."""
        box = QMessageBox(self)
        box.setWindowTitle("Delete a class")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"Delete {name} and its {count_of(pixels, 'pixel')}?")
        box.setInformativeText("Ctrl+Z brings both back.")
        yes = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.exec()
        agreed = box.clickedButton() is yes
        box.deleteLater()
        return agreed

    def _show_current(self, _row: int = 0) -> None:
        spec = self.current
        for part in (self.name, self.description, self.colour, self.up, self.down, self.delete):
            part.setEnabled(spec is not None)
        if spec is None:
            return
        row = self._classes.index(spec)
        self.up.setEnabled(row > 0)
        self.down.setEnabled(row < len(self._classes) - 1)
        self.name.setText(spec.name)
        self.description.setText(spec.description)
        self.description.setCursorPosition(0)  # a long text is shown from its beginning
        for field in (self.name, self.description):
            field.setToolTip(plain_tip(field.text()))
        self.colour.setIcon(swatch(spec.colour))
        self.colour.setText(spec.colour)
        text = ""
        if spec.id not in self._segmented:
            text = DRAWN_BY_HAND
        elif spec.renamed_from:
            text = KNOWN.format(spec.known_as)
        self.note.setText(text)

    def _add(self) -> None:
        self.add_asked.emit(self.new_name.text())

    def _rename(self) -> None:
        spec = self.current
        if spec is not None and self.name.text().strip() != spec.name:
            self.rename_asked.emit(spec, self.name.text())

    def _describe(self) -> None:
        spec = self.current
        if spec is not None and self.description.text().strip() != spec.description:
            self.describe_asked.emit(spec, self.description.text())

    def _ask_for_colour(self) -> None:
        spec = self.current
        if spec is None:
            return
        found = QColorDialog.getColor(QColor(spec.colour), self, f"Colour of {spec.name}")
        if found.isValid():
            self.recolour_asked.emit(spec, found.name())

    def _move(self, by: int) -> None:
        spec = self.current
        if spec is not None:
            self.move_asked.emit(spec, by)

    def _delete(self) -> None:
        spec = self.current
        if spec is not None:
            self.delete_asked.emit(spec)

    def _lay_out(self) -> None:
        order = QHBoxLayout()
        fill_row(order, self.up, self.down, self.delete)
        left = QVBoxLayout()
        left.addWidget(self.list)
        left.addLayout(order)
        form = QFormLayout()
        form.addRow("Name", self.name)
        form.addRow("Colour", self.colour)
        form.addRow("Description", self.description)
        right = QVBoxLayout()
        right.addLayout(form)
        fill_row(right, self.note, self.trouble)
        right.addStretch(1)
        both = QHBoxLayout()
        both.addLayout(left, 2)
        both.addLayout(right, 3)
        new = QHBoxLayout()
        new.addWidget(self.new_name, 1)
        new.addWidget(self.add)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        new.addWidget(close)
        column = QVBoxLayout(self)
        column.addLayout(both, 1)
        column.addLayout(new)
        self.add.setDefault(False)
        for each in (self.add, close, self.up, self.down, self.delete, self.colour):
            each.setAutoDefault(False)  # Enter in a field ends the field, and presses no button
        self.new_name.returnPressed.connect(self._add)
