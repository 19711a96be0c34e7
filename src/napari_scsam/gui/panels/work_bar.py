"""What happens now, in one place that is always in sight: a sentence, how far it is, and the way out."""

from __future__ import annotations

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout

from napari_scsam.gui.panels.parts.widgets import keep_place, note
from napari_scsam.gui.words import capital, sentence
from napari_scsam.steps import Progress

NETWORK = "network"
TOOLS = "tools"
DOWNLOAD = "download"
"""Who works."""

PATIENCE_MS = 150
"""Work that is done sooner shows no bar: it would only flicker, and the whole window be drawn twice more for it."""

LINES = 2
"""Lines of the sentence that have their place, so that nothing jumps."""


class WorkBar(QFrame):
    """Shows the work of the network and of the object tools, and downloads; it decides nothing."""

    cancel_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.at_work: set[str] = set()
        """Who works now."""
        self.status = note()
        self._said = ""
        self.bar = QProgressBar()
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip(
            "Stop as soon as the step at hand is done. Slices that are finished stay; nothing else is written."
        )
        self.cancel.clicked.connect(self.cancel_asked)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(lambda: self._show_bar(True))
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 2, 12, 4)
        column.addWidget(self.status)
        column.addLayout(row)
        for part in (self.bar, self.cancel):
            keep_place(part)
        self._show_bar(False)

    def show_status(self, text: str) -> None:
        """Say what happens, or what came out."""
        self._said = text
        self.status.setText(sentence(text))
        self.status.setMinimumHeight(
            LINES * self.status.fontMetrics().lineSpacing()
        )  # the font is napari's only once it is shown

    def forget_status(self, text: str) -> None:
        """Take what was said away, unless something else has been said since."""
        if self._said == text:
            self.show_status("")

    def show_progress(self, progress: Progress, who: str = NETWORK) -> None:
        """Move the bar; a download gives way to work that somebody waits for."""
        if who == DOWNLOAD and self.at_work != {DOWNLOAD}:
            return
        self.bar.setRange(0, max(1, progress.total))
        self.bar.setValue(progress.done)
        what = capital(progress.what)
        self.bar.setFormat(f"{what}  %p %" if progress.done else what)

    def show_working(self, who: str, working: bool) -> None:
        """Show the bar and the way out only while somebody has work that takes time."""
        (self.at_work.add if working else self.at_work.discard)(who)
        if not self.at_work:
            self._soon.stop()
            self._show_bar(False)
            self.bar.reset()
        elif not self._soon.isActive():
            self._soon.start(PATIENCE_MS)

    def _show_bar(self, shown: bool) -> None:
        self.bar.setVisible(shown)
        self.cancel.setVisible(shown)
