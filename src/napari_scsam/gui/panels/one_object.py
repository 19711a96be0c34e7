"""The panel for single objects: point, accept or discard, propagate."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_scsam.gui.panels.parts.panel import Panel
from napari_scsam.gui.panels.parts.widgets import Dropdown, button, fill_row, note, swatch
from napari_scsam.gui.prompts.kinds import PROMPT_KINDS
from napari_scsam.gui.prompts.state import PromptState

if TYPE_CHECKING:
    from napari_scsam.config import ClassSpec

START_TIP = (
    "Find one object on this slice with points, boxes and scribbles.\n"
    "Nothing changes until you accept it."
)
INSIDE_TIP = "The next marks are inside the object."
OUTSIDE_TIP = "The next marks are outside the object."
TARGET_TIP = (
    "The class that the object is added to. Choosing a class under Segment selects it here too."
)
ACCEPT_TIP = "Add the object to the class, as one undo step."
DISCARD_TIP = "Discard the object and its marks."
PROPAGATE_TIP = (
    "Follow the object through the slices on both sides.\n"
    "It stops where the object ends or becomes uncertain.\n"
    "The object is accepted on all these slices, as one undo step."
)
ONE_CLASS = "Several classes are chosen above; an object is added to {} only."


class PromptPanel(Panel):
    """Shows and changes how single objects are found; makes no decisions."""

    toggled_by_user = Signal()
    kind_chosen = Signal(str)
    side_chosen = Signal(bool)
    """Whether the next marks are inside the object."""
    target_chosen = Signal(object)
    """The `ClassSpec` that objects are added to."""
    accept_asked = Signal()
    discard_asked = Signal()
    propagate_asked = Signal()
    max_slices_changed = Signal(int)
    end_asked = Signal(int)
    """A slice at which an object stopped, to be shown."""

    def __init__(self, key: str, side_key: str, propagate_key: str) -> None:
        super().__init__("One object")
        self._key = key
        self.start = button("", START_TIP, self.toggled_by_user)
        self._make_mark_buttons(side_key)
        self._make_object_fields(propagate_key)
        self.ends = [self._end_button() for _ in range(2)]
        self.body = QWidget()
        self._lay_out()

    def show_classes(self, classes: Sequence[ClassSpec]) -> None:
        """List the classes that an object can be added to."""
        self.target.empty()
        for spec in classes:
            self.target.add(spec, spec.name, spec.description, swatch(spec.colour))

    def show_state(self, state: PromptState) -> None:
        """Show the kind of prompt, the class, and whether an object was found."""
        self._show_active(active=state.active)
        self.kinds[state.kind].setChecked(True)
        self.inside.setChecked(state.inside)
        self.outside.setChecked(not state.inside)
        self._show_target(state.target, one_of_several=state.one_of_several)
        has_object = state.found is not None and bool(state.found.mask.any())
        for part in (self.accept, self.propagate):
            part.setEnabled(has_object)
        with signals_blocked(self.max_slices):
            self.max_slices.setValue(state.max_slices)
        self._show_ends(state.ends)

    def _show_active(self, *, active: bool) -> None:
        text = "Point at an object"
        if active:
            text = "Stop pointing"
        self.start.setText(f"{text}   ({self._key})")
        self.body.setVisible(active)

    def _show_target(self, target: ClassSpec | None, *, one_of_several: bool) -> None:
        self.target.show_choice(target)
        self.one_class.setVisible(one_of_several)
        if target is not None:
            self.one_class.setText(ONE_CLASS.format(target.name))

    def _show_ends(self, positions: Sequence[int]) -> None:
        for end in self.ends:
            end.hide()
        for end, position in zip(self.ends, positions, strict=False):
            end.setText(f"→ end at {position}")
            end.setProperty("position", position)
            end.show()

    def _pick_kind(self, kind: str, _checked: bool = False) -> None:  # as Qt calls it
        self.kind_chosen.emit(kind)

    def _pick_side(self, inside: bool, _checked: bool = False) -> None:
        self.side_chosen.emit(inside)

    def _make_mark_buttons(self, side_key: str) -> None:
        self.kinds = {
            name: button(kind.label, kind.tip, partial(self._pick_kind, name), checkable=True)
            for name, kind in PROMPT_KINDS.items()
        }
        switch = f"{side_key} switches; Ctrl+click marks the other side once."
        self.inside = button(
            "Inside",
            f"{INSIDE_TIP} {switch}",
            partial(self._pick_side, True),
            checkable=True,
        )
        self.outside = button(
            "Outside",
            f"{OUTSIDE_TIP} {switch}",
            partial(self._pick_side, False),
            checkable=True,
        )

    def _make_object_fields(self, propagate_key: str) -> None:
        self.target = Dropdown(TARGET_TIP)
        self.target.picked.connect(self.target_chosen)
        self.one_class = note()
        self.accept = button("Accept (Enter)", ACCEPT_TIP, self.accept_asked)
        self.discard = button("Discard (Esc)", DISCARD_TIP, self.discard_asked)
        text = f"Propagate ({propagate_key})"
        self.propagate = button(text, PROPAGATE_TIP, self.propagate_asked)
        self.max_slices = QSpinBox()
        self.max_slices.setRange(1, 9999)
        self.max_slices.setPrefix("± ")
        self.max_slices.setToolTip(
            "The most slices on each side that the object is propagated through."
        )
        self.max_slices.valueChanged.connect(self.max_slices_changed)

    def _end_button(self) -> QPushButton:
        made = button("", "Show the slice at which the object stopped.")
        made.clicked.connect(lambda: self.end_asked.emit(made.property("position")))
        made.hide()
        return made

    def _lay_out(self) -> None:
        kinds = QHBoxLayout()
        fill_row(kinds, *self.kinds.values())
        sides = QHBoxLayout()
        fill_row(sides, self.inside, self.outside)
        self._groups = [
            _group(self, *self.kinds.values()),
            _group(self, self.inside, self.outside),
        ]
        ends = QHBoxLayout()
        fill_row(ends, *self.ends)
        inner = QVBoxLayout(self.body)
        inner.setContentsMargins(0, 0, 0, 0)
        for part in (kinds, sides, self._object_grid(), ends):
            inner.addLayout(part)
        fill_row(QVBoxLayout(self.contents), self.start, self.body)

    def _object_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.addWidget(QLabel("Add to class"), 0, 0)
        grid.addWidget(self.target, 0, 1, 1, 2)
        grid.addWidget(self.one_class, 1, 0, 1, 3)
        grid.addWidget(self.accept, 2, 0, 1, 2)
        grid.addWidget(self.discard, 2, 2)
        grid.addWidget(self.propagate, 3, 0, 1, 2)
        grid.addWidget(self.max_slices, 3, 2)
        return grid


def _group(parent: QWidget, *buttons: QPushButton) -> QButtonGroup:
    """Make one of these buttons stay pressed at a time."""
    group = QButtonGroup(parent)
    for one in buttons:
        group.addButton(one)
    return group
