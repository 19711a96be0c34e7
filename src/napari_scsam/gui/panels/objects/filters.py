"""The filters above the table of objects."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QLocale, Signal
from qtpy.QtGui import QDoubleValidator
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.widgets import Dropdown, fill_row, plain_label, swatch
from napari_scsam.gui.words import count_of, group_digits

ANY = ""
"""The choice of every class."""

BORDER = ((None, "anywhere"), (False, "inside"), (True, "at border"))
REVIEWED_CHOICES = ((None, "any state"), (False, "to review"), (True, "reviewed"))

LARGEST = 1e12
"""Upper end of a size that is not limited."""

WIDTH = 84
"""Pixels of the field of a size."""

LETTERS = 4
"""What a list asks room for: three in a row are no wider than the tabs, and share what is left."""


class FilterBar(QWidget):
    """Which objects are shown; makes no decisions."""

    class_chosen = Signal(object)
    """The name of a class, or `ANY`."""
    border_chosen = Signal(object)
    """Whether objects at the border of the volume are shown; None for all."""
    reviewed_chosen = Signal(object)
    """Whether reviewed objects are shown; None for all."""
    sizes_chosen = Signal(float, float)
    """The smallest and the largest size, in the unit shown."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = Dropdown("Show the objects of one class, or of all.")
        self.border = _choices("Objects that the border of the volume cuts are too small.", BORDER)
        self.reviewed = _choices("Objects that you have checked, or not yet.", REVIEWED_CHOICES)
        self.smallest = _size("min", "Show no smaller objects.")
        self.largest = _size("max", "Show no larger objects.")
        self.unit = QLabel("voxels")
        self.count = plain_label()
        self._sizes = (0.0, LARGEST)
        self._classes: tuple[ClassSpec, ...] | None = None
        self.classes.picked.connect(self.class_chosen)
        self.border.picked.connect(self.border_chosen)
        self.reviewed.picked.connect(self.reviewed_chosen)
        self.smallest.textChanged.connect(self._choose_sizes)
        self.largest.textChanged.connect(self._choose_sizes)
        self._lay_out()
        self.show_classes((), ANY)

    def show_classes(self, classes: Sequence[ClassSpec], chosen: str) -> None:
        """Offer classes."""
        if tuple(classes) != self._classes:
            self._classes = tuple(classes)
            self.classes.empty()
            self.classes.add(ANY, "all classes")
            for spec in classes:
                self.classes.add(spec.name, spec.name, spec.description, swatch(spec.colour))
        self.classes.show_choice(chosen)

    def show_unit(self, unit: str) -> None:
        """Show the unit of sizes."""
        if unit == self.unit.text():
            return
        self.unit.setText(unit)
        self.smallest.clear()
        self.largest.clear()

    def show_count(self, shown: int, of: int, selected: int) -> None:
        """Show how many objects there are, and how many are selected."""
        text = count_of(of, "object")
        if shown < of:
            text = f"{group_digits(shown)} of {text}"
        if selected > 1:
            text = f"{group_digits(selected)} selected, {text}"
        self.count.setText(text)

    def _choose_sizes(self) -> None:
        sizes = (_number(self.smallest, 0.0), _number(self.largest, LARGEST))
        if sizes != self._sizes:
            self._sizes = sizes
            self.sizes_chosen.emit(*sizes)

    def _lay_out(self) -> None:
        above = QHBoxLayout()
        lists = (self.classes, self.border, self.reviewed)
        for each in lists:
            each.setMinimumContentsLength(LETTERS)
        fill_row(above, *lists)
        below = QHBoxLayout()
        below.addWidget(self.smallest)
        below.addWidget(QLabel("to"))
        below.addWidget(self.largest)
        below.addWidget(self.unit)
        below.addStretch(1)
        below.addWidget(self.count)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(above)
        column.addLayout(below)


def _choices(tip: str, choices: Sequence[tuple[bool | None, str]]) -> Dropdown:
    made = Dropdown(tip)
    for choice, name in choices:
        made.add(choice, name)
    made.show_choice(None)
    return made


def _size(words: str, tip: str) -> QLineEdit:
    made = QLineEdit()
    made.setPlaceholderText(words)
    made.setMaximumWidth(WIDTH)
    made.setToolTip(tip)
    numbers = QDoubleValidator(0, LARGEST, 9, made)
    numbers.setLocale(QLocale.c())
    made.setValidator(numbers)
    return made


def _number(field: QLineEdit, otherwise: float) -> float:
    """Return the number in a field, or another one where it is empty."""
    try:
        return float(field.text())
    except ValueError:
        return otherwise
