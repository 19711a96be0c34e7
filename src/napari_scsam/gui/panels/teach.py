"""The panel for teaching: a class, a brush for strokes, and the classes that were taught."""

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
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_scsam.gui.panels.parts.page import Page
from napari_scsam.gui.panels.parts.widgets import (
    SWATCH,
    button,
    click_once,
    fill_row,
    note_label,
    offer,
    plain_label,
    swatch,
)

if TYPE_CHECKING:
    from napari_scsam.config import ClassSpec
    from napari_scsam.gui.prompts.teaching import TeachState

NAME_TIP = (
    "Type the name of a class that the network does not know; Enter begins to teach it.\n"
    "To improve a class that it knows, choose that one above the tabs."
)
START_TIP = (
    "Paint strokes on the class and beside it with the brush.\n"
    "After each stroke, the class is learned and shown on this slice."
)
ON_TIP = "The next strokes are on the class."
BESIDE_TIP = "The next strokes are on what is not the class."
HELP = (
    "Paint a few strokes on the class, and beside it where too much is found. "
    "Each stroke is learned at once. Ctrl+Z takes the last one back."
)
FORGET_TIP = "Remove the class from the network, with its strokes.\nIts labels stay in the image."
NO_TEACHING = (
    "This network answers clicks and boxes only. "
    "To teach a class by strokes, choose one with trained classes."
)
PLACEHOLDER = "new class: type its name"


class TeachPanel(Page):
    """Shows and changes how classes are taught; makes no decisions.

    Parameters
    ----------
    key, side_key
        The shortcuts that start teaching, and that change the side of the next stroke.
    """

    toggled_by_user = Signal(str)
    """The name of a new class; empty for the class being worked on."""
    name_chosen = Signal(str)
    """The name of a new class to teach now."""
    side_chosen = Signal(bool)
    """Whether the next strokes are on the class."""
    forget_asked = Signal(str)
    """The name of a class to forget."""

    def __init__(self, key: str, side_key: str) -> None:
        super().__init__("Teach")
        self._key = key
        self._state: TeachState | None = None
        self._image_obstacle = ""
        self.name = QLineEdit()
        self.name.setPlaceholderText(PLACEHOLDER)
        self.name.returnPressed.connect(self._choose)
        self.name.textChanged.connect(self._show_start)
        self.start = button("", START_TIP, self._toggle, checkable=True)
        click_once(self.start)
        # As wide as the tab, however long the name of the class is.
        self.start.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.help = note_label(HELP)
        self.on = self._side_button("On the class", f"{ON_TIP} {side_key} switches.", True)
        self.beside = self._side_button("Beside it", f"{BESIDE_TIP} {side_key} switches.", False)
        self.body = QWidget()
        self.taught = TaughtList()
        self.taught.forget_asked.connect(self.forget_asked)
        self._lay_out()

    def show_state(self, state: TeachState) -> None:
        """Show the class, the side of the next stroke, and the classes that were taught."""
        self._state = state
        self._show_start()
        self.start.setChecked(state.active)
        self.body.setVisible(state.active)
        self.on.setChecked(state.on_class)
        self.beside.setChecked(not state.on_class)
        self.taught.show_classes(state.taught)
        self._offer_start()

    def show_image(self, obstacle: str) -> None:
        """Offer to teach, unless the image shown is an obstacle to it."""
        self._image_obstacle = obstacle
        self._offer_start()

    def _offer_start(self) -> None:
        obstacle = self._image_obstacle
        if self._state is not None and not self._state.possible:
            obstacle = NO_TEACHING
        offer(self.name, NAME_TIP, obstacle)
        offer(self.start, START_TIP, obstacle)

    def _show_start(self) -> None:
        """Show what the button does: it teaches the class that was typed, or the one chosen."""
        state = self._state
        if state is None:
            return
        text = f"Teach {self.name.text().strip() or state.name}"
        if state.active:
            text = f"Stop teaching {state.name}"
        self.start.setText(f"{text.strip()}   ({self._key})")

    def _toggle(self) -> None:
        self.name.clearFocus()
        self.toggled_by_user.emit(self._take_name())

    def _choose(self) -> None:
        name = self._take_name()
        if name:
            self.name_chosen.emit(name)

    def _take_name(self) -> str:
        """Return the name that was typed, and empty the field for the next."""
        name = self.name.text().strip()
        self.name.clear()
        return name

    def _pick_side(self, on_class: bool, _checked: bool = False) -> None:  # as Qt calls it
        self.side_chosen.emit(on_class)

    def _side_button(self, text: str, tip: str, on_class: bool) -> QPushButton:
        return button(text, tip, partial(self._pick_side, on_class), checkable=True)

    def _lay_out(self) -> None:
        sides = QHBoxLayout()
        fill_row(sides, self.on, self.beside)
        self._sides = QButtonGroup(self)
        for side in (self.on, self.beside):
            self._sides.addButton(side)
        inner = QVBoxLayout(self.body)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addLayout(sides)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        fill_row(column, self.help, self.start, self.body, self.name, self.taught)


class TaughtList(QWidget):
    """The classes that were taught, each with a button to forget it."""

    forget_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[ClassSpec, ...] = ()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self.buttons: dict[str, QPushButton] = {}
        """By the name of the class."""
        self.hide()

    def show_classes(self, classes: Sequence[ClassSpec]) -> None:
        """List the classes."""
        if tuple(classes) == self._shown:
            return
        self._shown = tuple(classes)
        self._empty()
        for row, spec in enumerate(classes):
            colour = QLabel()
            colour.setPixmap(swatch(spec.colour).pixmap(SWATCH, SWATCH))
            forget = button("Forget", FORGET_TIP, partial(self._ask, spec.name))
            self.buttons[spec.name] = forget
            for column, part in enumerate((colour, plain_label(spec.name), forget)):
                self._grid.addWidget(part, row, column)
        self.setVisible(bool(classes))

    def _empty(self) -> None:
        self.buttons.clear()
        while (item := self._grid.takeAt(0)) is not None:
            part = item.widget()
            if part is not None:
                part.hide()
                part.deleteLater()  # a button must not be deleted while it is clicked

    def _ask(self, name: str, _checked: bool = False) -> None:  # as Qt calls it
        self.forget_asked.emit(name)
