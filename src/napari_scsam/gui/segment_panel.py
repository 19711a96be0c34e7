"""The panel for segmenting: which class, go, how far it is, and what came out."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QCheckBox, QGroupBox, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout

from napari_scsam.config import ClassSpec, Progress
from napari_scsam.gui.parts import Dropdown, keep_place, note, swatch

PATIENCE_MS = 150
"""Work that is done sooner shows no bar: it would only flicker, and the whole window be drawn twice more for it."""


class SegmentPanel(QGroupBox):
    """Shows the classes, the work and its outcome; it decides nothing."""

    classes_chosen = Signal(object)
    """The classes to segment, a tuple of `ClassSpec`."""
    segment_asked = Signal()
    cancel_asked = Signal()
    replace_changed = Signal(bool)
    prefetch_changed = Signal(bool)

    def __init__(self, key: str) -> None:
        super().__init__("Segment")
        self.classes = Dropdown(
            "What to look for. A slice is embedded once; after that every class is there at once,\n"
            "so picking another one segments it right away."
        )
        self.classes.picked.connect(self.classes_chosen)
        self.segment = QPushButton(f"Segment slice   ({key})")
        self.segment.setToolTip("Segment the slice shown. One Ctrl+Z takes it back. What you painted yourself stays.")
        self.segment.clicked.connect(self.segment_asked)
        self.replace = QCheckBox("Replace what I painted, too")
        self.replace.setToolTip("Off: the network changes only its own pixels, never those that you painted or erased.")
        self.replace.clicked.connect(self.replace_changed)
        self.prefetch = QCheckBox("Prepare the neighbouring slices")
        self.prefetch.setToolTip("While you look at a slice, the ones beside it are embedded, so that they are segmented faster.")
        self.prefetch.clicked.connect(self.prefetch_changed)
        self.bar = QProgressBar()
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop after the tile that is being worked on. Nothing is written.")
        self.cancel.clicked.connect(self.cancel_asked)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._show_bar)
        self.status = note()
        self._lay_out()
        self.show_working(False)

    def show_classes(self, classes: Sequence[ClassSpec]) -> None:
        """List the classes of the checkpoint, with all of them together first."""
        self.classes.empty()
        self.classes.add(tuple(classes), "all classes", icon=swatch(*(spec.colour for spec in classes)))
        for spec in classes:
            self.classes.add((spec,), spec.name, spec.description, swatch(spec.colour))

    def show_choices(self, chosen: Sequence[ClassSpec], *, replace: bool, prefetch: bool) -> None:
        """Point at the classes in use; say whether the user's own pixels may be replaced, and neighbours are embedded."""
        self.classes.show_choice(tuple(chosen))
        self.replace.setChecked(replace)
        self.prefetch.setChecked(prefetch)

    def show_progress(self, progress: Progress) -> None:
        """Move the bar."""
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        self.bar.setFormat(f"{progress.what}  %p %" if progress.done else progress.what)

    def show_working(self, working: bool) -> None:
        """Show the bar and the way out only while there is work that takes time."""
        if working:
            if not self._soon.isActive():
                self._soon.start(PATIENCE_MS)
            return
        self._soon.stop()
        self.bar.setVisible(False)
        self.cancel.setVisible(False)
        self.bar.reset()

    def _show_bar(self) -> None:
        self.bar.setVisible(True)
        self.cancel.setVisible(True)

    def show_status(self, sentence: str) -> None:
        """Say what happens or what came out."""
        self.status.setText(sentence)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        keep_place(self.bar)
        keep_place(self.cancel)
        column = QVBoxLayout(self)
        column.addWidget(self.classes)
        column.addWidget(self.segment)
        column.addWidget(self.replace)
        column.addWidget(self.prefetch)
        column.addWidget(self.status)
        column.addLayout(row)
