"""A napari window with the widget in it, hands to use it with mouse and keys, and a camera."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import napari
import numpy as np
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari.settings import get_settings
from PIL import Image
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtGui import QPixmap
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QDockWidget,
    QFileDialog,
    QLineEdit,
    QMenu,
    QMenuBar,
    QPushButton,
    QWidget,
)

from napari_scsam.gui.session import Session
from napari_scsam.gui.widget import ScSAMWidget

IMAGES = Path(__file__).parent / "images"
KEPT = (
    "open",
    "class",
    "widget",
    "object",
    "propagated",
    "strokes",
    "correct",
    "review",
    "objects",
)
"""The pictures that the documents show."""

COLOURS = 256
NO_KEY, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
LEFT = Qt.MouseButton.LeftButton


class Stage:
    """A napari window with the widget, hands to use it, and a camera.

    Parameters
    ----------
    args
        What the pictures are asked for with.
    scratch
        A folder for what is made on the way.
    """

    def __init__(self, args: argparse.Namespace, scratch: Path) -> None:
        self.volume, self.slice, self.object, self.folder, self.scratch = (
            args.volume,
            args.slice,
            args.object,
            args.all,
            scratch,
        )
        self.font_size = get_settings().appearance.font_size
        """Of napari, in points, at 100 percent."""
        self.viewer = napari.Viewer(title="napari")
        self.window = self.viewer.window._qt_window
        self.window.setGeometry(0, 0, *args.size)
        self.choose("Plugins", "ScSAM", "Segment organelles (ScSAM)")
        self.until(lambda: self.window.findChild(ScSAMWidget) is not None, 60)
        self.panel: ScSAMWidget = self.window.findChild(ScSAMWidget)
        self.session = Session.of(self.viewer)
        self.canvas = self.viewer.window._qt_viewer.canvas
        self.finish_work()

    # The camera

    def shoot(self, name: str) -> None:
        """Take a picture of the window, as it is on the screen."""
        area = self.window.frameGeometry()
        self._keep(
            name,
            self.window.screen().grabWindow(0, area.x(), area.y(), area.width(), area.height()),
        )
        if self.folder is not None:
            self._keep(f"{name}-column", self.panel.grab())

    def _keep(self, name: str, shot: QPixmap) -> None:
        if self.folder is None and name not in KEPT:
            return
        target = (self.folder or IMAGES) / f"{name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shot.save(str(target))
        if self.folder is None:
            picture = Image.open(target).convert(
                "RGB"
            )  # coverage, so that a colour that is rare stays what it is
            picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                target, optimize=True
            )

    def shoot_open(self, name: str, popup: Callable[[], object]) -> None:
        """Take a picture with a list or menu open."""
        QTimer.singleShot(0, popup)  # it may not come back before it is closed
        self.finish_work(0.6)
        self.shoot(name)
        if (opened := QApplication.activePopupWidget()) is not None:
            opened.close()
        self.finish_work()

    # Time

    def finish_work(self, seconds: float = 0.3) -> None:
        """Wait until all work has ended, and the window is drawn."""
        worker = self.session.jobs.worker
        self.until(lambda: not (worker.busy() or worker._small), 60)
        self.until(lambda: False, seconds)

    def until(self, ready: Callable[[], bool], seconds: float = 300) -> None:
        """Let the event loop run until something holds."""
        end = time.monotonic() + seconds
        while not ready() and time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.01)

    # Hands

    def choose(self, *path: str) -> None:
        """Choose an entry of napari's menus.

        Raises
        ------
        LookupError
            When there is none of that name.
        """
        menu: QMenuBar | QMenu = self.window.menuBar()
        for name in path:
            entries = {entry.text().replace("&", ""): entry for entry in menu.actions()}
            if name not in entries:
                raise LookupError(f"{name} is none of {', '.join(filter(None, entries))}")
            if name == path[-1]:
                entries[name].trigger()
                break
            menu = entries[name].menu()
            menu.aboutToShow.emit()
        self.until(lambda: False, 0.3)

    def close_notes(self) -> None:
        """Close napari's notifications; a window without a manager is never active, and keeps them."""
        for note in self.window.findChildren(NapariQtNotification):
            note.close()

    def show(self, part: QWidget) -> None:
        """Show the tab that holds a part of the widget."""
        self.finish_work(0.05)
        self.panel.tabs.show_page_of(part)
        self.finish_work()

    def look(self, size: tuple[int, int], theme: str, font: int) -> None:
        """Set the size of the window, the theme, and the size of the font in percent."""
        appearance = get_settings().appearance
        appearance.theme = theme
        appearance.font_size = round(self.font_size * font / 100)
        self.window.setGeometry(0, 0, *size)
        self.until(lambda: False, 0.8)
        dock = self.panel.parentWidget()
        if isinstance(dock, QDockWidget):  # a column that a large font has widened stays wide
            width = self.panel.sizeHint().width()
            self.window.resizeDocks([dock], [width], Qt.Orientation.Horizontal)
        self.until(lambda: False, 0.4)

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = NO_KEY) -> None:
        """Press a key over the canvas."""
        QTest.keyClick(self.canvas.native, key, modifier)
        self.finish_work()

    def click(self, y: float, x: float, modifier: Qt.KeyboardModifier = NO_KEY) -> None:
        """Click on a pixel of the slice shown."""
        QTest.mouseClick(self.canvas.native, LEFT, modifier, self.place(y, x))
        self.finish_work()

    def point_at(self, y: float, x: float) -> None:
        """Move the mouse to a pixel of the slice shown."""
        QTest.mouseMove(self.canvas.native, self.place(y, x))
        self.finish_work(0.2)

    def drag(
        self, *corners: tuple[float, float], then: Callable[[], object] = lambda: None
    ) -> None:
        """Drag the mouse along pixels of the slice shown; before it lets go, do something."""
        path = [self.place(*corner) for corner in corners]
        QTest.mousePress(self.canvas.native, LEFT, NO_KEY, path[0])
        for start, end in pairwise(path):
            for share in np.linspace(0, 1, 12):
                QTest.mouseMove(self.canvas.native, start + (end - start) * share)
                QTest.qWait(5)
        self.until(lambda: False, 0.3)
        then()
        QTest.mouseRelease(self.canvas.native, LEFT, NO_KEY, path[-1])
        self.finish_work()

    def place(self, y: float, x: float) -> QPoint:
        """Find a pixel of the slice shown on the canvas."""
        image = self.session.choices.image
        world = np.asarray(image.data_to_world((*[0] * (image.ndim - 2), y, x)))
        right, down = self.canvas.view.scene.node_transform(self.canvas._scene_canvas.scene).map(
            [world[-1], world[-2], 0, 1]
        )[:2]
        return QPoint(round(right), round(down))

    def pick(self, name: str) -> None:
        """Pick a class above the tabs, or all of them."""
        if name == "all classes":
            self.panel.segment.all_classes.click()
            self.finish_work()
            return
        classes = self.panel.class_bar.classes
        classes.setCurrentIndex(classes.findText(name))
        classes.activated.emit(classes.currentIndex())
        self.finish_work()

    def choose_scope(self, scope: str) -> None:
        """Pick where to segment."""
        dropdown = self.panel.segment.scope
        dropdown.show_choice(scope)
        dropdown.activated.emit(dropdown.currentIndex())
        self.finish_work()

    def name_file(self, button: QPushButton, path: Path) -> None:
        """Press a button, and write a path into the dialog that it opens."""
        QTimer.singleShot(
            500, partial(self._fill_dialog, path)
        )  # the click comes back when the dialog is closed
        button.click()
        self.finish_work(1.5)

    def _fill_dialog(self, path: Path) -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QFileDialog):
            dialog.findChild(QLineEdit).setText(str(path))
            QTimer.singleShot(200, dialog.accept)
