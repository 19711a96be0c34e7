"""A list of runs that work outside of the window: how far each is, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QToolButton, QVBoxLayout, QWidget

from napari_scsam.gui.panels.parts.widgets import note_label, plain_label, plain_tip
from napari_scsam.gui.run_row import RunRow


class RunList(QWidget):
    """Shows runs, one below the other; makes no decisions."""

    asked = Signal(str, str)
    """A verb, and the key of the run that it is asked of."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, RunLine] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 6, 0, 0)
        self.heading = plain_label("Runs on workers")
        self._column.addWidget(self.heading)
        self.hide()

    def show_runs(self, rows: Sequence[RunRow]) -> None:
        """Show these runs, and no others."""
        keys = {row.key for row in rows}
        for key in self.rows.keys() - keys:
            line = self.rows.pop(key)
            self._column.removeWidget(line)
            line.deleteLater()
        for row in rows:
            if row.key not in self.rows:
                self.rows[row.key] = RunLine()
                self.rows[row.key].asked.connect(partial(self._ask, row.key))
                self._column.addWidget(self.rows[row.key])
            self.rows[row.key].show_run(row)
        self.setVisible(bool(rows))

    def _ask(self, key: str, verb: str) -> None:
        self.asked.emit(verb, key)


class RunLine(QWidget):
    """One run: its name, its bar and its buttons."""

    asked = Signal(str)
    """A verb."""

    def __init__(self) -> None:
        super().__init__()
        self.name = plain_label()
        self.bar = QProgressBar()
        self.message = note_label()
        self.buttons: dict[str, QToolButton] = {}
        self._row = QHBoxLayout()
        self._row.addWidget(self.bar, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.addWidget(self.name)
        column.addLayout(self._row)
        column.addWidget(self.message)

    def show_run(self, row: RunRow) -> None:
        """Show how far it is."""
        self.name.setText(row.name)
        self.name.setToolTip(plain_tip(row.tip))
        self.bar.setRange(0, max(1, row.total))
        self.bar.setValue(row.done)
        self.bar.setFormat(row.text)
        self.message.setText(row.message)
        self.message.setVisible(bool(row.message))
        if tuple(self.buttons) != row.verbs:
            self._show_verbs(row.verbs)

    def _show_verbs(self, verbs: Sequence[str]) -> None:
        for old in self.buttons.values():
            self._row.removeWidget(old)
            old.hide()  # until Qt deletes it, it would be drawn over the bar
            old.deleteLater()
        self.buttons = {}
        for verb in verbs:
            button = QToolButton()
            button.setText(verb)
            button.setIconSize(QSize(0, 0))
            button.clicked.connect(partial(self._clicked, verb))
            self._row.addWidget(button)
            self.buttons[verb] = button

    def _clicked(self, verb: str, _checked: bool = False) -> None:
        self.asked.emit(verb)
