"""The class being worked on, with its colour: one choice for all tabs."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget
from superqt.utils import signals_blocked

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.class_picker import ClassDropdown
from napari_scsam.gui.panels.parts.widgets import plain_tip, swatch

SIDE = 20
"""Pixels of the coloured square."""

TIP = (
    "The class that you work on: it is segmented, objects are added to it,\n"
    "strokes teach it, and it is painted with. Type to search, or press the key of a class:\n"
    "{keys}."
)

EDIT_TIP = "Edit classes …\nAdd, rename, recolour, order, describe or delete them."


class ClassBar(QWidget):
    """Shows and changes the class being worked on; makes no decisions.

    Parameters
    ----------
    keys
        What shortcuts do, for the tooltip.
    """

    picked = Signal(object)
    """A `ClassSpec`."""
    edit_asked = Signal()
    """The class manager is to be opened."""

    def __init__(self, keys: str) -> None:
        super().__init__()
        self._listed: tuple[ClassSpec, ...] = ()
        self.colour = QLabel()
        self.colour.setFixedSize(SIDE, SIDE)
        self.classes = ClassDropdown(TIP.format(keys=keys))
        self.classes.picked.connect(self.picked)
        self.classes.setEnabled(False)
        self.edit = QToolButton()
        self.edit.setText("Edit …")
        self.edit.setToolTip(EDIT_TIP)
        self.edit.clicked.connect(self.edit_asked)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 8, 4)
        row.addWidget(self.colour)
        row.addWidget(self.classes, 1)
        row.addWidget(self.edit)

    def show_classes(self, classes: Sequence[ClassSpec], active: ClassSpec | None) -> None:
        """List the classes, and select the one being worked on."""
        with signals_blocked(self.classes):
            if tuple(classes) != self._listed:
                self._list(classes)
            self.classes.show_chosen(active)
        self.colour.setVisible(active is not None)
        if active is not None:
            self.colour.setPixmap(swatch(active.colour, side=SIDE).pixmap(SIDE, SIDE))
            self.colour.setToolTip(plain_tip(active.description or active.name))

    def _list(self, classes: Sequence[ClassSpec]) -> None:
        self._listed = tuple(classes)
        self.classes.empty()
        for spec in classes:
            self.classes.add(spec, spec.name, spec.description, swatch(spec.colour))
        self.classes.setEnabled(bool(classes))
