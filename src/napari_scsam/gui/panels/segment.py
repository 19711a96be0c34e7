"""The panel for segmenting: which classes, how sure, where, go."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.class_picker import ClassDropdown, SeveralClasses
from napari_scsam.gui.panels.parts.panel import Panel
from napari_scsam.gui.panels.parts.widgets import Dropdown, note, swatch

SCOPES = {
    "slice": ("this slice", "Segment slice"),
    "region": ("a region of it", "Draw a region"),
    "range": ("slices", "Segment slices"),
    "volume": ("the whole volume", "Segment volume"),
}
"""What can be segmented, as the list and the button call it."""

SEVERAL_SLICES = ("range", "volume")
"""Of these, what an image of one slice lacks."""

SHIFT_STEP = 0.1
LARGEST_SHIFT = 6.0
"""The threshold's slider, in logits."""


CLICKS_ONLY = (
    "This network answers clicks and boxes only: point at an object below. "
    "To find classes, choose another one, or train it on your labels."
)


class SegmentPanel(Panel):
    """Shows the classes and where to look for them; it decides nothing."""

    classes_chosen = Signal(object)
    """The classes to segment, a tuple of `ClassSpec`."""
    segment_asked = Signal()
    scope_chosen = Signal(str)
    range_chosen = Signal(int, int)
    """First and last slice."""
    shift_chosen = Signal(float)
    """What is added to the threshold of the classes in use, in logits."""
    replace_changed = Signal(bool)
    prefetch_changed = Signal(bool)
    tta_changed = Signal(bool)

    def __init__(self, key: str) -> None:
        super().__init__("Segment")
        self._key = key
        self.classes = ClassDropdown(
            "What to look for; type to search. A slice is embedded once; after that every class is there at once,\n"
            "so picking another one segments it right away."
        )
        self.classes.picked.connect(self.classes_chosen)
        self.several = SeveralClasses()
        self.several.picked.connect(self.classes_chosen)
        self.shift = QSlider(Qt.Orientation.Horizontal)
        self.shift.setRange(-round(LARGEST_SHIFT / SHIFT_STEP), round(LARGEST_SHIFT / SHIFT_STEP))
        self.shift.setToolTip(
            "How sure the network must be. To the left it finds more, to the right less.\n"
            "The slice shown follows at once where it was segmented so before; arrow keys move in small steps."
        )
        self.shift.valueChanged.connect(
            lambda steps: self.shift_chosen.emit(round(steps * SHIFT_STEP, 1))
        )
        self.shift_value = QPushButton()
        self.shift_value.setToolTip(
            "How far the threshold is from the calibrated one, in logits: each +1 asks the network for 2.7 times better odds\n"
            "that a pixel is of the class, each −1 for as much worse ones. Click to go back to the calibrated threshold."
        )
        self.shift_value.setFlat(True)
        self.shift_value.clicked.connect(lambda: self.shift.setValue(0))
        self.scope = Dropdown(
            "Where to segment. Slices are written one by one as they come; cancelling keeps those that are finished."
        )
        self.scope.picked.connect(self.scope_chosen.emit)
        self.first = self._slice_box("First slice.")
        self.last = self._slice_box("Last slice.")
        self.to = QLabel("to")
        self.segment = QPushButton()
        self.segment.setToolTip("One Ctrl+Z takes a slice back. What you painted yourself stays.")
        self.segment.clicked.connect(self.segment_asked)
        self.tta = QCheckBox("Look carefully (takes four times as long)")
        self.tta.setToolTip(
            "The network sees a slice four times: as it is, upside down, smaller and larger, and what it finds is averaged.\n"
            "On average that is better; worth it for many slices at once, or where one look goes wrong."
        )
        self.tta.clicked.connect(self.tta_changed)
        self.replace = QCheckBox("Replace what I painted, too")
        self.replace.setToolTip(
            "Off: the network changes only its own pixels, never those that you painted or erased."
        )
        self.replace.clicked.connect(self.replace_changed)
        self.prefetch = QCheckBox("Prepare the neighbouring slices")
        self.prefetch.setToolTip(
            "While you look at a slice, the ones beside it are embedded, so that they are segmented faster."
        )
        self.prefetch.clicked.connect(self.prefetch_changed)
        self.body = QWidget()
        self.note = note(CLICKS_ONLY)
        self.note.hide()
        self._lay_out()
        for scope, (name, _) in SCOPES.items():
            self.scope.add(scope, name)
        self.show_shift(0.0)
        self.show_scope("slice", 0, 0, 1)

    def show_classes(self, classes: Sequence[ClassSpec]) -> None:
        """List the classes of the checkpoint, with all of them together first."""
        self.classes.empty()
        self.classes.add(
            tuple(classes), "all classes", icon=swatch(*(spec.colour for spec in classes))
        )
        for spec in classes:
            self.classes.add((spec,), spec.name, spec.description, swatch(spec.colour))
        self.several.show_classes(classes)

    def show_possible(self, *, possible: bool) -> None:
        """Return whether the network has learned any classes; without them there is nothing to choose here."""
        self.body.setEnabled(possible)
        self.body.setVisible(possible)
        self.note.setVisible(not possible)

    def show_choices(
        self, chosen: Sequence[ClassSpec], *, replace: bool, prefetch: bool, tta: bool
    ) -> None:
        """Point at the classes in use; say whether the user's own pixels may be replaced, neighbours are embedded, views averaged."""
        self.classes.show_chosen(chosen)
        self.several.show_chosen(chosen)
        self.replace.setChecked(replace)
        self.prefetch.setChecked(prefetch)
        self.tta.setChecked(tta)

    def show_shift(self, shift: float) -> None:
        """Show what is added to the threshold of the classes in use."""
        self.shift.blockSignals(True)
        self.shift.setValue(round(shift / SHIFT_STEP))
        self.shift.blockSignals(False)
        self.shift_value.setText(
            f"{'stricter' if shift > 0 else 'looser'} {shift:+.1f}" if shift else "as trained"
        )

    def show_scope(self, scope: str, first: int, last: int, depth: int) -> None:
        """Show where will be segmented, in an image of so many slices."""
        self.scope.show_choice(scope)
        for several in SEVERAL_SLICES:
            self.scope.show_possible(several, possible=depth > 1)
        for box, value in ((self.first, first), (self.last, last)):
            box.blockSignals(True)
            box.setRange(0, max(0, depth - 1))
            box.setValue(value)
            box.blockSignals(False)
        for part in (self.first, self.to, self.last):
            part.setVisible(scope == "range")
        key = f"   ({self._key})" if scope == "slice" else ""
        self.segment.setText(f"{SCOPES[scope][1]}{key}")

    def _slice_box(self, tooltip: str) -> QSpinBox:
        box = QSpinBox()
        box.setToolTip(tooltip)
        box.setKeyboardTracking(False)
        box.valueChanged.connect(
            lambda: self.range_chosen.emit(self.first.value(), self.last.value())
        )
        return box

    def _lay_out(self) -> None:
        what = QHBoxLayout()
        sure = QHBoxLayout()
        between = QHBoxLayout()
        what.addWidget(self.classes, 1)
        what.addWidget(self.several)
        sure.addWidget(QLabel("Threshold"))
        sure.addWidget(self.shift, 1)
        sure.addWidget(self.shift_value)
        for part in (self.first, self.to, self.last):
            between.addWidget(part)
        between.addStretch(1)
        whole = QVBoxLayout(self.contents)
        column = QVBoxLayout(self.body)
        whole.addWidget(self.note)
        whole.addWidget(self.body)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(what)
        column.addLayout(sure)
        column.addWidget(self.scope)
        column.addLayout(between)
        column.addWidget(self.segment)
        column.addWidget(self.tta)
        column.addWidget(self.replace)
        column.addWidget(self.prefetch)
