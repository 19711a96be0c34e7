"""The panel for correcting: the object tools, how far they reach, and what is locked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)

from napari_scsam.gui import object_tools as tools
from napari_scsam.gui.panels.parts.panel import Panel
from napari_scsam.gui.panels.parts.widgets import let_letters_pass, note

GRID = (
    (tools.MERGE, tools.DELETE),
    (tools.SPLIT, tools.RELABEL),
    (tools.CUT, tools.KEEP_LARGEST),
    (tools.FILL_HOLES, tools.SMOOTH),
    (tools.GROW, tools.SHRINK),
    (tools.PREVIOUS, tools.NEXT),
)


class CorrectPanel(Panel):
    """Shows the tools; it decides nothing.

    Parameters
    ----------
    keys
        The key of each tool, as the user would read it, by the tool's name.
    """

    tool_asked = Signal(str)
    """The name of a tool."""
    reach_changed = Signal(float)
    """Pixels to smooth, grow and shrink by."""
    smallest_changed = Signal(float)
    unit_changed = Signal(bool)
    """Whether small is meant in µm² or µm³."""
    lock_changed = Signal(int, bool)

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__("Correct")
        self._keys = keys
        self.buttons = {tool.name: self._button(tool) for row in GRID for tool in row} | {
            tools.SIEVE.name: self._button(tools.SIEVE)
        }
        self.whole = QCheckBox(f"{tools.WHOLE.label}   ({keys[tools.WHOLE.name]})")
        self.whole.setToolTip(tools.WHOLE.tip)
        self.whole.clicked.connect(lambda: self.tool_asked.emit(tools.WHOLE.name))
        sieve = self.buttons[tools.SIEVE.name]
        sieve.setText(tools.SIEVE.label)  # its key is in the tooltip: the row has no room for it
        sieve.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.reach = _number(
            0.5, 50, "How far to smooth, grow and shrink, in pixels of the finest axis."
        )
        self.reach.valueChanged.connect(self.reach_changed)
        self.smallest = _number(0, 1e9, tools.SIEVE.tip)
        self.smallest.valueChanged.connect(self.smallest_changed)
        self.unit = QComboBox()
        let_letters_pass(self.unit)
        self.unit.setToolTip("µm need a layer whose scale is in nm or µm.")
        self.unit.activated.connect(lambda index: self.unit_changed.emit(index == 1))
        self.locks = QPushButton()
        self.locks.setToolTip(
            f"Neither the model nor these tools change what is locked; napari's brush does.\n{tools.LOCK.tip} ({keys[tools.LOCK.name]})"
        )
        self.locks.setMenu(QMenu(self.locks))
        self._lay_out()

    def show_choices(
        self, *, whole: bool, reach: float, smallest: float, in_micrometres: bool, armed: str | None
    ) -> None:
        """Show how the tools work, and which is in hand."""
        self.whole.setChecked(whole)
        with QSignalBlocker(
            self.smallest
        ):  # fewer decimals round what the box still shows, and it would tell of that
            self.smallest.setDecimals(
                tools.size_decimals(whole=whole, in_micrometres=in_micrometres)
            )
        for box, value in ((self.reach, reach), (self.smallest, smallest)):
            with QSignalBlocker(box):
                box.setValue(value)
        self.unit.clear()
        self.unit.addItems(tools.UNITS[whole])
        self.unit.setCurrentIndex(int(in_micrometres))
        for name, button in self.buttons.items():
            button.setChecked(name == armed)

    def show_locks(self, locks: Sequence[tuple[int, str, bool]]) -> None:
        """List what can be locked (number, name, whether it is) and say what is."""
        menu = self.locks.menu()
        locked = [name for _, name, is_locked in locks if is_locked]
        menu.clear()
        for value, name, is_locked in locks:
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(is_locked)
            action.toggled.connect(lambda on, value=value: self.lock_changed.emit(value, on))
        self.locks.setEnabled(bool(locks))
        shown = ", ".join(locked[:2]) + (f" and {len(locked) - 2} more" if len(locked) > 2 else "")
        self.locks.setText(f"Locked: {shown or 'nothing'}")

    def _button(self, tool: tools.ObjectTool) -> QPushButton:
        key = self._keys[tool.name]
        button = QPushButton(f"{tool.label}  ({key})")
        button.setToolTip(f"{tool.tip}\nKey: {key}")
        button.setCheckable(tool.pointing is not tools.Pointing.NOTHING)
        button.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
        )  # two to a row, however long their names
        button.clicked.connect(lambda: self.tool_asked.emit(tool.name))
        return button

    def _lay_out(self) -> None:
        grid = QGridLayout()
        for y, row in enumerate(GRID):
            for x, tool in enumerate(row):
                grid.addWidget(self.buttons[tool.name], y, x)
        column = QVBoxLayout(self.contents)
        column.addWidget(
            note("Point at an object and press a key; or press a button and click the object.")
        )
        column.addWidget(self.whole)
        column.addLayout(grid)
        column.addLayout(_row(QLabel("Smooth, grow, shrink by"), self.reach, QLabel("pixels")))
        column.addLayout(_row(self.buttons[tools.SIEVE.name], self.smallest, self.unit))
        column.addWidget(self.locks)


def _number(low: float, high: float, tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setDecimals(1)
    box.setKeyboardTracking(False)
    box.setToolTip(tip)
    box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # who scrolls the panel must not turn a number
    return box


def _row(*widgets: QLabel | QDoubleSpinBox | QComboBox | QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget, 0 if isinstance(widget, QLabel) else 1)
    return row
