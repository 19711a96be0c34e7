"""Three lines for the first time that the panel is opened."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QToolButton

from napari_scsam.gui.panels.parts.widgets import note_label
from napari_scsam.gui.preferences import read_list, write_list

SEEN = "seen_cards"
"""Name of the list of cards that were shown."""

CARD = "first run"

WORDS = (
    "<b>1</b>&nbsp; Open a volume, or drop a file here.<br>"
    "<b>2</b>&nbsp; Choose a class, and press <i>Segment</i>.<br>"
    "<b>3</b>&nbsp; Correct it, mark the slice as reviewed, train."
)


class FirstRunCard(QFrame):
    """Shows how to begin; only in the first window, until it is closed."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 4, 4)
        words = note_label(WORDS)
        words.setTextFormat(Qt.TextFormat.RichText)
        self.close_button = QToolButton()
        self.close_button.setText("✕")
        self.close_button.setToolTip("Close. It is not shown again.")
        self.close_button.clicked.connect(self.hide)
        row.addWidget(words, 1)
        row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        seen = read_list(SEEN)
        self.setVisible(CARD not in seen)
        if CARD not in seen:
            write_list(SEEN, [*seen, CARD])
