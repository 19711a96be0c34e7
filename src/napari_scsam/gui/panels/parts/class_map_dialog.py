"""Asks which value of foreign labels is which class."""

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
from napari_scsam.gui.panels.parts.widgets import Dropdown, note, swatch


class ClassMapDialog(QDialog):
    """A dropdown for each value; `mapping` is what the user chose, 0 for nothing."""

    def __init__(
        self,
        values: Sequence[int],
        guess: Mapping[int, int],
        classes: Sequence[ClassSpec],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import labels")
        self.choices = {value: self._dropdown(value, guess, classes) for value in values}
        rows = QWidget()
        grid = QGridLayout(rows)
        for row, (value, choice) in enumerate(self.choices.items()):
            grid.addWidget(QLabel(f"value {value}  is"), row, 0)
            grid.addWidget(choice, row, 1)
        scroll = QScrollArea()
        scroll.setWidget(rows)
        scroll.setWidgetResizable(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(
            note(
                "Which value of the labels is which class? They are laid over yours; one Ctrl+Z takes them back."
            )
        )
        column.addWidget(scroll)
        column.addWidget(buttons)

    @property
    def mapping(self) -> dict[int, int]:
        """Class ids by value; values that are no class are left out."""
        return {
            value: int(choice.current())
            for value, choice in self.choices.items()
            if choice.current()
        }

    def _dropdown(
        self, value: int, guess: Mapping[int, int], classes: Sequence[ClassSpec]
    ) -> Dropdown:
        choice = Dropdown("The class that pixels of this value get.")
        choice.add(0, "nothing")
        for spec in classes:
            choice.add(spec.id, spec.name, spec.description, swatch(spec.colour))
        choice.show_choice(guess.get(value, 0))
        return choice
