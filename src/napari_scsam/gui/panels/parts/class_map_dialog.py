"""Asks which value of imported labels is which class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.widgets import Dropdown, note_label, swatch

QUESTION = (
    "Which value of the imported labels is which class? "
    "They are written over yours; one Ctrl+Z undoes the import."
)


class ClassMapDialog(QDialog):
    """A dropdown for each value; `mapping` holds what the user chose, 0 for nothing."""

    def __init__(
        self,
        values: Sequence[int],
        guess: Mapping[int, int],
        classes: Sequence[ClassSpec],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import labels")
        self.choices = {value: _class_dropdown(classes, guess.get(value, 0)) for value in values}
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        for widget in (note_label(QUESTION), self._rows(), buttons):
            column.addWidget(widget)

    @property
    def mapping(self) -> dict[int, int]:
        """Class ids by value; values that are not a class are left out."""
        chosen = {value: int(choice.current() or 0) for value, choice in self.choices.items()}
        return {value: class_id for value, class_id in chosen.items() if class_id}

    def _rows(self) -> QScrollArea:
        rows = QWidget()
        grid = QGridLayout(rows)
        for row, (value, choice) in enumerate(self.choices.items()):
            grid.addWidget(QLabel(f"value {value}  is"), row, 0)
            grid.addWidget(choice, row, 1)
        scroll = QScrollArea()
        scroll.setWidget(rows)
        scroll.setWidgetResizable(True)
        return scroll


def _class_dropdown(classes: Sequence[ClassSpec], chosen: int) -> Dropdown:
    """Create a dropdown of classes that has the id `chosen` selected; 0 is nothing."""
    choice = Dropdown("The class of pixels with this value.")
    choice.add(0, "nothing")
    for spec in classes:
        choice.add(spec.id, spec.name, spec.description, swatch(spec.colour))
    choice.show_choice(chosen)
    return choice
