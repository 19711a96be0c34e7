"""What napari docks: the widget, once its code has been imported on a thread.

Its imports take longer than everything else of the first opening, and would freeze the window.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_scsam.gui.column import COLUMN_WIDTH
from napari_scsam.gui.jobs.worker import Report, Worker
from napari_scsam.steps import Progress, Steps

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_scsam.gui.widget import ScSAMWidget

MODULE = "napari_scsam.gui.widget"
WIDGET = "ScSAMWidget"

OPENING = "Opening …"


class OpeningWidget(QWidget):
    """Shows that it opens, and then holds the widget.

    Parameters
    ----------
    napari_viewer
        The viewer that it is docked in.
    """

    opened = Signal(object)
    """The `ScSAMWidget` is there."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.panel: ScSAMWidget | None = None
        self._viewer = napari_viewer
        self._is_left = False
        self._words = QLabel(OPENING)
        self._words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._words.setWordWrap(True)
        # Else napari adds a stretch, which would push the widget to the bottom.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self._words)
        if is_imported():
            self._open()
            return
        self._worker = Worker(self._receive)
        self._worker.submit("import", import_widget_steps)

    def sizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        """Return the size of a narrow column, also before the widget is there."""
        return super().sizeHint().expandedTo(QSize(COLUMN_WIDTH, 0))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  # Qt's name
        """Leave the session when napari takes the widget out of its dock."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._is_left = True
            if self.panel is not None:
                self.panel.leave()

    def _receive(self, report: Report) -> None:
        if report.state == "failed":
            self._words.setText(f"The widget cannot be opened: {report.value}. Run scsam doctor.")
        if report.state != "returned":
            return
        self._worker.stop()
        if not self._is_left:
            self._open()

    def _open(self) -> None:
        make: Any = getattr(importlib.import_module(MODULE), WIDGET)
        self._words.hide()
        self.panel = make(self._viewer)
        self._column.addWidget(self.panel)
        self.opened.emit(self.panel)


def is_imported() -> bool:
    """Whether all code of the widget is imported."""
    return hasattr(sys.modules.get(MODULE), WIDGET)


def import_widget_steps() -> Steps[None]:
    """Import the code of the widget."""
    yield Progress(0, 1, "opening")
    importlib.import_module(MODULE)
