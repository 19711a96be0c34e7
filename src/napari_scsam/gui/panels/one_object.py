"""The panel for single objects: point, see, accept or drop; carry through slices; teach a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_scsam.gui.panels.parts.panel import Panel
from napari_scsam.gui.panels.parts.widgets import Dropdown, note, swatch

if TYPE_CHECKING:
    from napari_scsam.config import ClassSpec
    from napari_scsam.gui.tools.one_object import Prompting

TOOLS = {
    "point": ("Point", "Click on an object. With Ctrl held, a click says: not this."),
    "box": ("Box", "Drag a rectangle round an object."),
    "scribble": ("Scribble", "Drag a line along an object."),
}

TEACH = (
    "A class that the network does not know: scribble on a few of its objects (Inside) and beside them (Outside).",
    "Learn the class from the points and scribbles on this slice, in seconds.",
)
ONE_CLASS = "Several classes are chosen above; an object still goes to {} alone."
NO_TEACHING = "This network answers clicks and boxes only. To teach a class by strokes, choose one that has learned classes."


class PromptPanel(Panel):
    """Shows and changes how single objects are found; it decides nothing."""

    toggled_by_user = Signal()
    tool_chosen = Signal(str)
    side_chosen = Signal(bool)
    """Whether the next marks lie inside the object."""
    target_chosen = Signal(object)
    """The `ClassSpec` that objects are accepted into."""
    accept_asked = Signal()
    drop_asked = Signal()
    propagate_asked = Signal()
    reach_changed = Signal(int)
    end_asked = Signal(int)
    """A slice at which an object stopped, to be shown."""
    teach_asked = Signal(str)
    """Name of a new class."""

    def __init__(self, key: str, side_key: str, carry_key: str) -> None:
        super().__init__("One object")
        self._key = key
        self.start = QPushButton()
        self.start.setToolTip(
            "Points, boxes and scribbles find one object on the slice shown; nothing is changed until you accept it."
        )
        self.start.clicked.connect(self.toggled_by_user)
        self.tools = {name: self._tool(name) for name in TOOLS}
        self.inside = self._side("Inside", "The next marks lie in the object.")
        self.outside = self._side("Outside", "They do not.")
        for button in (self.inside, self.outside):
            button.setToolTip(
                f"{button.toolTip()} {side_key} changes over; a click with Ctrl marks the other side once."
            )
        self.target = Dropdown(
            "The class that the object is given to. One that is chosen under Segment is taken over here."
        )
        self.target.picked.connect(self.target_chosen)
        self.stayed = note()
        self.accept = self._button(
            "Accept (Enter)", "Give the object to the class, as one undo step.", self.accept_asked
        )
        self.drop = self._button("Drop (Esc)", "Forget the object and its marks.", self.drop_asked)
        self.carry = self._button(
            f"Carry ({carry_key})",
            "Follow the object through the slices on both sides, until it ends or is no longer sure,\n"
            "and accept it on all of them, as one undo step.",
            self.propagate_asked,
        )
        self.reach = QSpinBox()
        self.reach.setRange(1, 9999)
        self.reach.setPrefix("± ")
        self.reach.setToolTip("Slices on each side that the object is carried through at most.")
        self.reach.valueChanged.connect(self.reach_changed)
        self.ends = [
            self._button("", "Show the slice at which the object stopped.", None) for _ in range(2)
        ]
        self.name = QLineEdit()
        self.name.setPlaceholderText("name of a new class")
        self.name.returnPressed.connect(self._teach)
        self.teach = self._button("Teach", "", None)
        self.teach.clicked.connect(self._teach)
        self.body = QWidget()
        self._lay_out()
        self.show_teachable(possible=True)

    def show_classes(self, classes: Sequence[ClassSpec]) -> None:
        """List the classes that an object can be given to."""
        self.target.empty()
        for spec in classes:
            self.target.add(spec, spec.name, spec.description, swatch(spec.colour))

    def show_teachable(self, *, possible: bool) -> None:
        """Return whether the network can be taught a class by strokes; that builds on classes which it has learned."""
        for part in (self.name, self.teach):
            part.setEnabled(possible)
            part.setToolTip(TEACH[part is self.teach] if possible else NO_TEACHING)

    def show_state(self, prompting: Prompting) -> None:
        """Show the tool in the hand, the class, and whether there is an object to decide about."""
        self.start.setText(
            f"{'Stop prompting' if prompting.active else 'Point at an object'}   ({self._key})"
        )
        self.body.setVisible(prompting.active)
        self.tools[prompting.tool].setChecked(True)
        (self.inside if prompting.inside else self.outside).setChecked(True)
        self.target.show_choice(prompting.target)
        self.stayed.setVisible(prompting.stayed)
        self.stayed.setText(
            ONE_CLASS.format(prompting.target.name) if prompting.target is not None else ""
        )
        there = prompting.found is not None and bool(prompting.found.patch.mask.any())
        for button in (self.accept, self.carry):
            button.setEnabled(there)
        with QSignalBlocker(self.reach):
            self.reach.setValue(prompting.reach)
        for place, button in enumerate(self.ends):
            known = place < len(prompting.ends)
            button.setVisible(known)
            button.setText(f"→ end at {prompting.ends[place]}" if known else "")
            button.setProperty("position", prompting.ends[place] if known else None)

    def _teach(self) -> None:
        self.name.clearFocus()
        self.teach_asked.emit(self.name.text())

    def _tool(self, name: str) -> QPushButton:
        button = QPushButton(TOOLS[name][0])
        button.setCheckable(True)
        button.setToolTip(TOOLS[name][1])
        button.clicked.connect(lambda: self.tool_chosen.emit(name))
        return button

    def _side(self, text: str, tooltip: str) -> QPushButton:
        button = QPushButton(text)
        button.setCheckable(True)
        button.setToolTip(tooltip)
        button.clicked.connect(lambda: self.side_chosen.emit(text == "Inside"))
        return button

    def _button(self, text: str, tooltip: str, signal: Signal | None) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tooltip)
        if signal is not None:
            button.clicked.connect(signal)
        return button

    def _lay_out(self) -> None:
        self._groups = [QButtonGroup(self), QButtonGroup(self)]
        rows = [QHBoxLayout(), QHBoxLayout(), QHBoxLayout(), QHBoxLayout()]
        for group, row, buttons in zip(
            self._groups, rows, ([*self.tools.values()], [self.inside, self.outside]), strict=False
        ):
            for button in buttons:
                group.addButton(button)
                row.addWidget(button)
        grid = QGridLayout()
        grid.addWidget(QLabel("Accept as"), 0, 0)
        grid.addWidget(self.target, 0, 1, 1, 2)
        grid.addWidget(self.stayed, 1, 0, 1, 3)
        grid.addWidget(self.accept, 2, 0, 1, 2)
        grid.addWidget(self.drop, 2, 2)
        grid.addWidget(self.carry, 3, 0, 1, 2)
        grid.addWidget(self.reach, 3, 2)
        for place, button in enumerate(self.ends):
            rows[2].addWidget(button)
            button.clicked.connect(lambda *_, b=button: self.end_asked.emit(b.property("position")))
            button.setVisible(place < 0)
        rows[3].addWidget(self.name, 1)
        rows[3].addWidget(self.teach)
        inner = QVBoxLayout(self.body)
        inner.setContentsMargins(0, 0, 0, 0)
        for part in (rows[0], rows[1], grid, rows[2], rows[3]):
            inner.addLayout(part)
        column = QVBoxLayout(self.contents)
        column.addWidget(self.start)
        column.addWidget(self.body)
