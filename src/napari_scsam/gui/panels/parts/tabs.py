"""The tabs of the column; each is scrolled only where it does not fit."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtWidgets import QFrame, QScrollArea, QTabWidget, QVBoxLayout, QWidget

SMALLEST_HEIGHT = 70
"""Pixels of a page that are shown in the smallest window; the rest is scrolled to."""

MARGIN = 4
"""Pixels around a page."""

TAB_STYLE = "QTabBar::tab { padding: 3px 4px; }"
"""Closer than napari's own: its font is larger from napari 0.10 on, and six titles stand in a row."""


class Tabs(QTabWidget):
    """Pages in the order of the work, one of which is shown."""

    resized = Signal()
    """A page asks for another width."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, QScrollArea] = {}
        """By the title on the tab."""
        self._bodies: dict[str, QWidget] = {}
        """What the pages hold."""
        self.setDocumentMode(True)  # the tabs share the whole width, and no frame is drawn
        bar = self.tabBar()
        bar.setStyleSheet(TAB_STYLE)
        bar.setExpanding(True)
        bar.setUsesScrollButtons(False)
        bar.setElideMode(Qt.TextElideMode.ElideNone)
        bar.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # after a click, keys are napari's

    def add(self, title: str, parts: Sequence[QWidget], tip: str, *, fills: bool = False) -> None:
        """Add a page that holds some widgets, from top to bottom.

        Parameters
        ----------
        title, tip
            Of its tab.
        parts
            What it holds.
        fills
            Whether they take all of its height.
        """
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, 0)
        column.setSpacing(4)
        for part in parts:
            column.addWidget(part)
        if not fills:
            column.addStretch(1)
        body.installEventFilter(self)
        page = QScrollArea()
        page.setWidget(body)
        page.setWidgetResizable(True)
        page.setFrameShape(QFrame.Shape.NoFrame)
        page.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.pages[title] = page
        self._bodies[title] = body
        self.setTabToolTip(self.addTab(page, title), tip)

    def show_page(self, title: str) -> None:
        """Show a page."""
        self.setCurrentWidget(self.pages[title])

    def show_page_of(self, part: QWidget) -> None:
        """Show the page that holds a widget."""
        for title, body in self._bodies.items():
            if body.isAncestorOf(part):
                self.show_page(title)

    def measure_pages(self) -> None:
        """Compute how wide the pages are; Qt styles one when it is first shown, which widens it."""
        parts = self.findChildren(QWidget)
        for part in parts:
            part.ensurePolished()
            part.updateGeometry()
        for part in reversed(parts):  # what is inside comes before what holds it
            layout = part.layout()
            if layout is not None:
                layout.activate()

    def shown(self) -> str:
        """Return the title of the page shown."""
        return self.tabText(self.currentIndex())

    def sizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        """Return the smallest size: the pages take what is left of the window."""
        return self.minimumSizeHint()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        """Return a width that holds every page beside a scroll bar; their height can be scrolled."""
        widths = [self.tabBar().sizeHint().width()]
        for title, page in self.pages.items():
            bar = page.verticalScrollBar().sizeHint().width()
            frame = 2 * page.frameWidth()  # napari's style draws one
            widths.append(self._bodies[title].minimumSizeHint().width() + bar + frame)
        return QSize(max(widths), self.tabBar().sizeHint().height() + SMALLEST_HEIGHT)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  # Qt's name
        """Ask for another width when a page needs it, which its scroll area hides from Qt."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
            self.resized.emit()
        return super().eventFilter(watched, event)
