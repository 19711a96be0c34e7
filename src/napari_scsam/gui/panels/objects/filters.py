"""The filters above the table of objects."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.widgets import Dropdown, fill_row, plain_label, swatch
from napari_scsam.gui.words import count_of, group_digits

ANY = ""
"""The choice of every class."""

BORDER = ((None, "anywhere"), (False, "inside"), (True, "at border"))
REVIEWED = ((None, "any state"), (False, "to review"), (True, "reviewed"))

LARGEST = 1e12
"""Upper end of a size that is not limited."""

DECIMALS = {"voxels": 0, "pixels": 0, "µm²": 4, "µm³": 5}
"""Of a size, by its unit."""


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
        self.reviewed = _choices("Objects that you have checked, or not yet.", REVIEWED)
        self.smallest = _size("Show no smaller objects.")
        self.largest = _size("Show no larger objects.")
        self.unit = QLabel("voxels")
        self.count = plain_label()
        self._classes: tuple[ClassSpec, ...] | None = None
        self.classes.picked.connect(self.class_chosen)
        self.border.picked.connect(self.border_chosen)
        self.reviewed.picked.connect(self.reviewed_chosen)
        self.smallest.valueChanged.connect(self._choose_sizes)
        self.largest.valueChanged.connect(self._choose_sizes)
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
        for field in (self.smallest, self.largest):
            with signals_blocked(field):
                field.setDecimals(DECIMALS.get(unit, 0))
                field.setValue(0)

    def show_count(self, shown: int, of: int, selected: int) -> None:
        """Show how many objects there are, and how many are selected."""
        text = count_of(of, "object")
        if shown < of:
            text = f"{group_digits(shown)} of {text}"
        if selected > 1:
            text = f"{group_digits(selected)} selected, {text}"
        self.count.setText(text)

    def _choose_sizes(self) -> None:
        largest = self.largest.value() or LARGEST
        self.sizes_chosen.emit(self.smallest.value(), largest)

    def _lay_out(self) -> None:
        above = QHBoxLayout()
        fill_row(above, self.classes, self.border, self.reviewed)
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


def _size(tip: str) -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    made.setRange(0, LARGEST)
    made.setDecimals(0)
    made.setSpecialValueText("any")
    made.setKeyboardTracking(False)
    made.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    made.setStyleSheet("padding: 3px")  # napari's style leaves room for buttons
    made.setMaximumWidth(96)
    made.setToolTip(tip)
    made.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # scrolling the panel must not change a number
    return made
