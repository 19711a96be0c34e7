"""The frame of a panel, which collapses under its title."""

from __future__ import annotations

from typing import cast

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_scsam.gui.preferences import read_list, write_list

COLLAPSED = "folded_panels"
"""Name of the list of panels that were collapsed last."""

NO_MAXIMUM = 2**24 - 1
"""Qt's QWIDGETSIZE_MAX: no limit on the height of a widget."""


class Panel(QCollapsible):
    """A titled part of the column, which a click on its title or Space collapses and expands.

    The next window remembers which panels were collapsed.

    Parameters
    ----------
    title
        Its title, under which its state is remembered.
    """

    def __init__(self, title: str) -> None:
        # superqt draws its arrows once, in the colour that the text has then: ours are text.
        super().__init__(title, expandedIcon=" ", collapsedIcon=" ")
        self.toggleButton().setIconSize(QSize(0, 0))
        self._name = title
        self.contents = QWidget()
        """The widget that holds the panel's parts."""
        self._lay_out_frame()
        self.setDuration(0)  # an animation would draw napari's canvas many times
        self.toggled.connect(self._show_contents)
        title_button = self.toggleButton()
        title_button.clicked.connect(self._remember)
        title_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # after a click, Space is napari's
        if title in read_list(COLLAPSED):
            self.collapse()
        else:
            self.expand()

    def _lay_out_frame(self) -> None:
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        for holder in (self, self.content()):
            layout = cast("QVBoxLayout", holder.layout())
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(0)
        # Not `addWidget`: that would fix the height of the contents as they are now.
        layout.addWidget(self.contents)
        self.toggleButton().setStyleSheet(
            "text-align: left; border: none; background: transparent; font-weight: bold;"
        )

    def _show_contents(self, shown: bool) -> None:
        """Hide what is collapsed from Tab too; let what is expanded grow with its contents."""
        arrow = "▸"
        if shown:
            arrow = "▾"
            self.content().setMaximumHeight(NO_MAXIMUM)  # superqt fixes it at today's height
        self.content().setVisible(shown)
        self.setText(f"{arrow} {self._name}")

    def _remember(self, shown: bool) -> None:
        names = [name for name in read_list(COLLAPSED) if name != self._name]
        if not shown:
            names.append(self._name)
        write_list(COLLAPSED, names)
