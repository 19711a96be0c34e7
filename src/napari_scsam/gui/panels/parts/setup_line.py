"""What is set once: one line each, which a click opens."""

from __future__ import annotations

from typing import cast

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_scsam.gui.panels.parts.panel import Panel
from napari_scsam.gui.panels.parts.widgets import plain_tip


class SetupLine(Panel):
    """A panel that is one line, with what it was set to, until the line is clicked."""

    settled = Signal()
    """It was set, or is no longer."""
    clicked_open = Signal()
    """The user opened it."""

    def __init__(self, title: str) -> None:
        self.is_set = False
        super().__init__(title, collapsed=True)
        self.summary = QElidingLabel()
        self.summary.setMinimumWidth(40)
        self.summary.setCursor(Qt.CursorShape.PointingHandCursor)
        self.summary.installEventFilter(self)
        frame = cast("QVBoxLayout", self.layout())
        frame.removeWidget(self.toggleButton())
        line = QHBoxLayout()
        line.addWidget(self.toggleButton())
        line.addWidget(self.summary, 1)
        frame.insertLayout(0, line)

    def show_set(self, summary: str, *, is_set: bool) -> None:
        """Show what it was set to.

        Parameters
        ----------
        summary
            A few words for the line.
        is_set
            Whether nothing is left to be chosen in it.
        """
        self.summary.setText(summary)
        self.summary.setToolTip(plain_tip(summary))
        if is_set != self.is_set:
            self.is_set = is_set
            self.settled.emit()

    def eventFilter(self, a0: QObject, a1: QEvent) -> bool:  # noqa: N802  # Qt's name
        """Open or close it by a click on its words, too."""
        if a0 is self.summary and isinstance(a1, QMouseEvent):
            if a1.type() == QEvent.Type.MouseButtonRelease:
                self.toggleButton().click()
            return True
        return False  # superqt's own filter would fix the height of the contents

    def _remember(self, shown: bool) -> None:
        """Emit `clicked_open`; the next window opens what it needs, and remembers nothing."""
        if shown:
            self.clicked_open.emit()


class SetupLines(QWidget):
    """Lines of which one is open at most: the first that is not set, or the one clicked."""

    def __init__(self, *lines: SetupLine) -> None:
        super().__init__()
        self._lines = lines
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 2)
        column.setSpacing(0)
        for line in lines:
            column.addWidget(line)
            line.settled.connect(self.open_first_unset)
            line.clicked_open.connect(self._close_others)
        self._order: tuple[SetupLine, ...] = lines

    def ask_in_order(self, *lines: SetupLine) -> None:
        """Choose the order in which lines that are not set are opened."""
        self._order = lines
        self.open_first_unset()

    def open_first_unset(self) -> None:
        """Open the first line that is not set, and close the others."""
        unset = [line for line in self._order if not line.is_set]
        for line in self._lines:
            if line in unset[:1]:
                line.expand()
            else:
                line.collapse()

    def _close_others(self) -> None:
        opened = self.sender()
        for line in self._lines:
            if line is not opened:
                line.collapse()
