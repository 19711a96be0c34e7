"""The line at the bottom: what happens now, how far it is, and how to cancel it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QFrame, QHBoxLayout, QMenu, QProgressBar, QToolButton, QVBoxLayout
from superqt.utils import qdebounced

from napari_scsam.gui.panels.parts.widgets import button, keep_space_when_hidden, note_label
from napari_scsam.gui.words import as_sentence, capitalized, keep_units, plain_step
from napari_scsam.steps import Progress

NETWORK_PLACE = "network"
TOOLS_PLACE = "tools"
DOWNLOAD = "download"
"""Who works."""

PATIENCE_MS = 150
"""Shorter work shows no bar: it would only flicker, and redraw the whole window twice."""

LINES = 2
"""Lines reserved for the sentence, so that nothing jumps."""


class WorkBar(QFrame):
    """Shows the work of the network and the object tools, and downloads; makes no decisions."""

    cancel_asked = Signal()
    cancel_one_asked = Signal(object)
    """The work to cancel, as in `show_queue`."""

    def __init__(self) -> None:
        super().__init__()
        self.at_work: set[str] = set()
        """Who works now."""
        self.status = note_label()
        self._message = ""
        self.bar = QProgressBar()
        self.cancel = button(
            "Cancel",
            "Stop after the current step. Finished slices stay; nothing else is written.",
            self.cancel_asked,
        )
        self.show_bar_soon = qdebounced(self._show_bar, timeout=PATIENCE_MS, parent=self)
        row = QHBoxLayout()
        self.queue = QToolButton()
        self.queue.setToolTip("What runs and what waits. Choose one to cancel it.")
        self.queue.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.queue.setMenu(QMenu(self.queue))
        self.queue.hide()
        row.addWidget(self.bar, 1)
        row.addWidget(self.queue)
        row.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 2, 12, 4)
        column.addWidget(self.status)
        column.addLayout(row)
        for part in (self.bar, self.cancel):
            keep_space_when_hidden(part)
        self._hide_bar()

    def show_status(self, text: str) -> None:
        """Show what happens, or the result."""
        self._message = text
        self.status.setText(keep_units(as_sentence(text)))
        self._keep_lines()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  # Qt's name
        """Keep all lines of the sentence at another width."""
        super().resizeEvent(event)
        self._keep_lines()

    def _keep_lines(self) -> None:
        """Reserve the height of the sentence, so that a low window cuts none of its lines."""
        # Not earlier: the font is napari's only once it is shown.
        lines = LINES * self.status.fontMetrics().lineSpacing()
        width = self.status.width()
        self.status.setMinimumHeight(0)  # Qt's height for a width is never below it
        self.status.setMinimumHeight(max(lines, self.status.heightForWidth(width)))

    def forget_status(self, text: str) -> None:
        """Remove a message, unless another one has replaced it."""
        if self._message == text:
            self.show_status("")

    def show_progress(self, progress: Progress, who: str = NETWORK_PLACE) -> None:
        """Move the bar; work that the user waits for takes precedence over a download."""
        if who == DOWNLOAD and self.at_work != {DOWNLOAD}:
            return
        self.bar.setRange(0, max(1, progress.total))
        self.bar.setValue(progress.done)
        text = capitalized(plain_step(progress.what))
        if progress.done:
            text = f"{text}  %p %"
        self.bar.setFormat(text)

    def show_queue(self, queue: Sequence[tuple[Hashable, str, bool]]) -> None:
        """List what runs and what waits, where it is more than one.

        Parameters
        ----------
        queue
            The work, the words for it, and whether it runs.
        """
        self.queue.setVisible(len(queue) > 1)
        self.queue.setText(f"{len(queue)} jobs")
        menu = self.queue.menu()
        menu.clear()
        for work, words, runs in queue:
            state = {True: "runs", False: "waits"}[runs]
            action = menu.addAction(f"Cancel {words} ({state})")
            action.triggered.connect(partial(self._cancel_one, work))

    def _cancel_one(self, work: Hashable, _checked: bool = False) -> None:
        self.cancel_one_asked.emit(work)

    def show_working(self, who: str, working: bool) -> None:
        """Show the bar and the cancel button only during work that takes time."""
        if working:
            if not self.at_work:
                self.show_bar_soon()
            self.at_work.add(who)
            return
        self.at_work.discard(who)
        if not self.at_work:
            self._hide_bar()
            self.bar.reset()

    def _show_bar(self) -> None:
        self.bar.show()
        self.cancel.show()

    def _hide_bar(self) -> None:
        self.show_bar_soon.cancel()
        self.bar.hide()
        self.cancel.hide()
