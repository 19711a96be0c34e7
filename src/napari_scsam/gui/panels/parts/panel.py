"""The frame of a panel, which folds away under its title."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGroupBox, QVBoxLayout, QWidget

from napari_scsam.gui.preferences import keep, read_kept

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

FOLDED = "folded_panels"
"""Name of the list of those that were folded last."""


class Panel(QGroupBox):
    """A titled part of the column; a click on the title, or Space on it, folds and unfolds it, also for the next window.

    Parameters
    ----------
    title
        Its title, by which it is known again.
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self._name = title
        self.contents = QWidget()
        """Where the panel's parts lie."""
        frame = QVBoxLayout(self)
        frame.setContentsMargins(0, 0, 0, 0)
        frame.addWidget(self.contents)
        self.setCheckable(True)  # what Qt lets be clicked and reached by Tab
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # after a click, Space is napari's
        self.toggled.connect(self._show_contents)
        self.clicked.connect(self._remember)
        self.setChecked(title not in read_kept(FOLDED))
        self._show_contents(self.isChecked())

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  # Qt's name
        """Hide Qt's tick, since an arrow says it better; not before napari's style gave the parts their size."""
        super().showEvent(event)
        self.setStyleSheet("QGroupBox::indicator { width: 0; height: 0; padding: 0; }")

    def unfold(self) -> None:
        """Show what is in it, until the user folds it again."""
        self.setChecked(True)

    def _show_contents(self, shown: bool) -> None:
        self.contents.setVisible(shown)
        self.setTitle(f"{'▾' if shown else '▸'} {self._name}")

    def _remember(self, shown: bool) -> None:
        others = [name for name in read_kept(FOLDED) if name != self._name]
        keep(FOLDED, others if shown else [*others, self._name])
