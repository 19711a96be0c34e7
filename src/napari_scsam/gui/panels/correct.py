"""The panel for correcting: the object tools, how far they reach, and what is locked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_scsam.gui import object_tools as tools
from napari_scsam.gui.panels.parts.page import Page
from napari_scsam.gui.panels.parts.tool_button import ToolButton
from napari_scsam.gui.panels.parts.widgets import (
    button,
    checkbox,
    let_letters_pass,
    note_label,
    offer,
)

HELP = "Point and press a key, or press a button and click."
NOTHING_TO_CORRECT = "There are no labels to correct. Segment a slice first, or add a labels layer."
RADIUS_TIP = "How far to smooth, grow and shrink, in pixels of the finest axis."
LOCKS_TIP = "Neither the model nor these tools change what is locked; napari's brush does."


class CorrectPanel(Page):
    """Shows the tools; makes no decisions.

    Parameters
    ----------
    keys
        The key of each tool, as the user would read it, by the tool's name.
    """

    tool_asked = Signal(str)
    """The name of a tool."""
    radius_changed = Signal(float)
    """Pixels to smooth, grow and shrink by."""
    smallest_changed = Signal(float)
    unit_changed = Signal(bool)
    """Whether the size is in µm² or µm³."""
    lock_changed = Signal(int, bool)

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__("Correct")
        self._keys = keys
        self.buttons: dict[str, QAbstractButton] = {
            tool.name: self._button(tool) for row in tools.GRID for tool in row
        }
        self.buttons[tools.DELETE_SMALL.name] = self._sieve_button()
        self._tips = {name: made.toolTip() for name, made in self.buttons.items()}
        self.whole = checkbox(
            f"{tools.WHOLE_TOOL.label}   ({keys[tools.WHOLE_TOOL.name]})",
            tools.WHOLE_TOOL.tip,
            partial(self._ask, tools.WHOLE_TOOL.name),
        )
        self.radius = _number(0.5, 50, RADIUS_TIP)
        self.radius.valueChanged.connect(self.radius_changed)
        self.smallest = _number(0, 1e9, tools.DELETE_SMALL.tip)
        self.smallest.valueChanged.connect(self.smallest_changed)
        self.unit = QComboBox()
        let_letters_pass(self.unit)
        self.unit.setToolTip("µm needs a layer whose scale is in nm or µm.")
        self.unit.activated.connect(lambda index: self.unit_changed.emit(index == 1))
        lock_key = keys[tools.LOCK_TOOL.name]
        self.locks = button("", f"{LOCKS_TIP}\n{tools.LOCK_TOOL.tip} ({lock_key})")
        self.locks.setMenu(QMenu(self.locks))
        self._lay_out()

    def show_choices(
        self,
        *,
        whole: bool,
        radius: float,
        smallest: float,
        in_micrometres: bool,
        armed: str | None,
    ) -> None:
        """Show the settings of the tools, and which tool is active.

        Parameters
        ----------
        whole
            Whether the tools work on all slices.
        radius
            Pixels to smooth, grow and shrink by.
        smallest
            Size below which objects are deleted, in the unit shown.
        in_micrometres
            Whether that is in µm² or µm³.
        armed
            Name of the active tool.
        """
        self.whole.setChecked(whole)
        decimals = tools.size_decimals(whole=whole, in_micrometres=in_micrometres)
        with signals_blocked(self.smallest):  # fewer decimals round the value that it still shows
            self.smallest.setDecimals(decimals)
            self.smallest.setValue(smallest)
        with signals_blocked(self.radius):
            self.radius.setValue(radius)
        self.unit.clear()
        self.unit.addItems(tools.UNITS[whole])
        self.unit.setCurrentIndex(int(in_micrometres))
        for name, tool_button in self.buttons.items():
            tool_button.setChecked(name == armed)

    def show_labels(self, *, there: bool) -> None:
        """Offer the tools where there are labels to correct."""
        obstacle = "" if there else NOTHING_TO_CORRECT
        for name, tool_button in self.buttons.items():
            offer(tool_button, self._tips[name], obstacle)

    def show_locks(self, locks: Sequence[tuple[int, str, bool]]) -> None:
        """List what can be locked (number, name, whether it is locked)."""
        menu = self.locks.menu()
        menu.clear()
        for value, name, is_locked in locks:
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(is_locked)
            action.toggled.connect(partial(self.lock_changed.emit, value))
        self.locks.setEnabled(bool(locks))
        self.locks.setText(f"Locked: {_shortened([name for _, name, locked in locks if locked])}")

    def _ask(self, name: str, _checked: bool = False) -> None:  # as Qt calls it
        self.tool_asked.emit(name)

    def _button(self, tool: tools.ObjectTool) -> ToolButton:
        key = self._keys[tool.name]
        made = ToolButton(tool.label, tool.icon, key)
        made.setToolTip(f"{tool.title}. Key: {key}\n{tool.tip}")
        made.setCheckable(tool.pointing is not tools.Pointing.NOTHING)
        made.clicked.connect(partial(self._ask, tool.name))
        return made

    def _sieve_button(self) -> QPushButton:
        tool = tools.DELETE_SMALL
        tip = f"{tool.tip}\nKey: {self._keys[tool.name]}"
        return button(tool.label, tip, partial(self._ask, tool.name))

    def _lay_out(self) -> None:
        grid = QGridLayout()
        for y, row in enumerate(tools.GRID):
            for x, tool in enumerate(row):
                grid.addWidget(self.buttons[tool.name], y, x)
        grid.setSpacing(4)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(note_label(HELP))
        column.addWidget(self.whole)
        column.addLayout(grid)
        column.addLayout(_row(QLabel("Smooth, grow, shrink by"), self.radius, QLabel("pixels")))
        column.addLayout(_row(self.buttons[tools.DELETE_SMALL.name], self.smallest, self.unit))
        column.addWidget(self.locks)


def _shortened(names: Sequence[str]) -> str:
    """Return the first two names and how many more there are."""
    if not names:
        return "nothing"
    text = ", ".join(names[:2])
    if len(names) > 2:
        text = f"{text} and {len(names) - 2} more"
    return text


def _number(low: float, high: float, tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setDecimals(1)
    box.setKeyboardTracking(False)
    box.setToolTip(tip)
    box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # scrolling the panel must not change a number
    return box


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget, int(not isinstance(widget, QLabel)))
    return row
