"""The frame of a panel, which collapses under its title."""

from __future__ import annotations

from typing import cast

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_scsam.gui.preferences import read_list, write_list

COLLAPSED = "folded_panels"
"""Name of the list of panels that were collapsed last."""

OPENED = "opened_panels"
"""Name of the list of panels that are collapsed at first, and were expanded last."""

NO_MAXIMUM = 2**24 - 1
"""Qt's QWIDGETSIZE_MAX: no limit on the height of a widget."""

ROOM = 4
"""Pixels above and below the letters of a title."""


class Panel(QCollapsible):
    """A titled part of the column, which a click on its title or Space collapses and expands.

    The next window remembers which panels the user collapsed or expanded.

    Parameters
    ----------
    title
        Its title.
    collapsed
        Whether it is collapsed at first.
    name
        What its state is remembered under; by default its title.
    """

    def __init__(self, title: str, *, collapsed: bool = False, name: str = "") -> None:
        # superqt draws its arrows once, in the colour that the text has then: ours are text.
        super().__init__(title, expandedIcon=" ", collapsedIcon=" ")
        self.toggleButton().setIconSize(QSize(0, 0))
        self._title = title
        self._name = name or title
        self._collapsed_at_first = collapsed
        self.contents = QWidget()
        """The widget that holds the panel's parts."""
        self._lay_out_frame()
        self.toggled.connect(self._show_contents)
        title_button = self.toggleButton()
        title_button.clicked.connect(self._remember)
        title_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # after a click, Space is napari's
        if (self._name in read_list(self._list)) != collapsed:
            self.collapse()
        else:
            self.expand()

    @property
    def _list(self) -> str:
        """Name of the list of panels that are not as they are at first."""
        if self._collapsed_at_first:
            return OPENED
        return COLLAPSED

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  # Qt's name
        """Keep the height of the title's letters, which a low window would cut."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange):
            title_button = self.toggleButton()
            title_button.setMinimumHeight(title_button.fontMetrics().height() + ROOM)

    def expand(self, animate: bool = False) -> None:
        """Show the contents; an animation would draw napari's canvas many times."""
        super().expand(animate)

    def collapse(self, animate: bool = False) -> None:
        """Hide the contents."""
        super().collapse(animate)

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
        self.setText(f"{arrow} {self._title}")

    def _remember(self, shown: bool) -> None:
        names = [name for name in read_list(self._list) if name != self._name]
        if shown == self._collapsed_at_first:
            names.append(self._name)
        write_list(self._list, names)


class More(Panel):
    """What is used once a day: collapsed until it is asked for.

    Parameters
    ----------
    of
        The panel that it belongs to.
    """

    def __init__(self, of: str) -> None:
        super().__init__("More", collapsed=True, name=f"{of}: more")
