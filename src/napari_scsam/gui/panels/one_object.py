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
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_scsam.gui.panels.parts.page import Page
from napari_scsam.gui.panels.parts.widgets import (
    button,
    click_once,
    fill_row,
    note_label,
    offer,
    plain_tip,
)
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
HELP = (
    "Click on an object, drag a box around it, or scribble on it. "
    "It is added to the class chosen above once you accept it."
)
ACCEPT_TIP = "Add the object to {}, as one undo step. Another class is chosen above the tabs."
DISCARD_TIP = "Discard the object and its marks."
PROPAGATE_TIP = (
    "Follow the object through the slices on both sides.\n"
    "It stops where the object ends or becomes uncertain.\n"
    "The object is accepted on all these slices, as one undo step."
)


class PromptPanel(Page):
    """Shows and changes how single objects are found; makes no decisions."""

    toggled_by_user = Signal()
    kind_chosen = Signal(str)
    side_chosen = Signal(bool)
    """Whether the next marks are inside the object."""
    accept_asked = Signal()
    discard_asked = Signal()
    propagate_asked = Signal()
    max_slices_changed = Signal(int)
    end_asked = Signal(int)
    """A slice at which an object stopped, to be shown."""

    def __init__(self, key: str, side_key: str, propagate_key: str) -> None:
        super().__init__("Object")
        self._key = key
        self.start = button("", START_TIP, self.toggled_by_user)
        click_once(self.start)
        self._make_mark_buttons(side_key)
        self._make_object_fields(propagate_key)
        self.ends = [self._end_button() for _ in range(2)]
        self.body = QWidget()
        self._lay_out()

    def show_state(self, state: PromptState) -> None:
        """Show the kind of prompt, the class, and whether an object was found."""
        self._show_active(active=state.active)
        self.kinds[state.kind].setChecked(True)
        self.inside.setChecked(state.inside)
        self.outside.setChecked(not state.inside)
        self._show_target(state.target)
        has_object = state.found is not None and bool(state.found.mask.any())
        for part in (self.accept, self.propagate):
            part.setEnabled(has_object)
        with signals_blocked(self.max_slices):
            self.max_slices.setValue(state.max_slices)
        self._show_ends(state.ends)

    def show_image(self, obstacle: str) -> None:
        """Offer to point at objects, unless the image shown is an obstacle to it."""
        offer(self.start, START_TIP, obstacle)

    def _show_active(self, *, active: bool) -> None:
        text = "Point at an object"
        if active:
            text = "Stop pointing"
        self.start.setText(f"{text}   ({self._key})")
        self.body.setVisible(active)
        self.help.setVisible(not active)

    def _show_target(self, target: ClassSpec | None) -> None:
        name = "the class"
        if target is not None:
            name = target.name
        self.accept.setText(f"Accept as {name}   (Enter)")
        self.accept.setToolTip(plain_tip(ACCEPT_TIP.format(name)))

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
        self.help = note_label(HELP)
        self.accept = button("", "", self.accept_asked)
        self.accept.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.discard = button("Discard   (Esc)", DISCARD_TIP, self.discard_asked)
        text = f"Propagate   ({propagate_key})"
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
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        fill_row(whole, self.help, self.start, self.body)

    def _object_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.addWidget(self.accept, 0, 0, 1, 2)
        grid.addWidget(self.discard, 1, 0, 1, 2)
        grid.addWidget(self.propagate, 2, 0)
        grid.addWidget(self.max_slices, 2, 1)
        grid.setColumnStretch(0, 1)
        return grid


def _group(parent: QWidget, *buttons: QPushButton) -> QButtonGroup:
    """Make one of these buttons stay pressed at a time."""
    group = QButtonGroup(parent)
    for one in buttons:
        group.addButton(one)
    return group
