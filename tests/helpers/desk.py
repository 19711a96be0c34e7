"""A real window with the widget in it, used as a hand would use it: keys and mouse on the canvas, and no word on what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.layers import show_position
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.correction.correct import Correcting
from napari_scsam.gui.tools.files.export import Exporting
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.widget import ScSAMWidget

SHIFT, CTRL, NONE = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.NoModifier,
)
ALT = Qt.KeyboardModifier.AltModifier
LEFT = Qt.MouseButton.LeftButton
PATIENCE = 120.0
"""Seconds after which something that should happen is taken not to happen."""

BUSY_SHARE = 0.2
"""Of that time as CPU time; a process that got less was kept waiting by others."""

MORE = 5
"""Times the patience after which it does not matter why."""

Voxel = tuple[int, int, int]


class Desk:
    """A viewer with the widget, and a hand.

    Parameters
    ----------
    viewer
        With a window.
    """

    def __init__(self, viewer: Any) -> None:
        self.viewer, self.widget = viewer, ScSAMWidget(viewer)
        viewer.window.add_dock_widget(self.widget, name="ScSAM")
        self.session = session = Session.of(viewer)
        self.keeper, self.reviewing = session.part(ProjectKeeper), session.part(Reviewing)
        self.prompting, self.exporting = session.part(Prompting), session.part(Exporting)
        self.tools = session.part(Correcting)
        self.said: list[str] = []
        """All that the window said, the last last."""
        session.status.connect(self.said.append)
        self.tools.status.connect(self.said.append)
        self.canvas = viewer.window._qt_viewer.canvas

    # Time

    def wait(self, check: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Let the window live until something is true.

        On a busy machine, a process may get hardly any time; it then waits longer.
        """
        start = time.monotonic()
        worked = time.process_time()
        while not check():
            waited = time.monotonic() - start
            was_idle = time.process_time() - worked < BUSY_SHARE * seconds
            if waited > seconds and not (was_idle and waited < MORE * seconds):
                raise TimeoutError(f"waited in vain; the window said last: {self.said[-3:]}")
            QApplication.processEvents()
            time.sleep(0.002)

    def rest(self, seconds: float) -> None:
        """Let the window live for a while."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end)

    def finish(self) -> None:
        """Wait until nothing is worked on."""
        network, correcting = self.session.jobs.worker, self.tools._work
        hands = correcting.worker
        self.wait(
            lambda: (
                not (
                    network.busy()
                    or network._small
                    or hands.busy()
                    or hands._small
                    or correcting._waiting
                )
            )
        )

    # What is open

    def open_image(self, path: Any) -> None:
        """Open a file, with the network there."""
        self.wait(lambda: self.session.network.state.startswith("Runs"))
        self.session.open_file(str(path))
        self.finish()

    def new_project(self, path: Any) -> None:
        """Create a project for the image."""
        self.keeper.new(str(path))
        self._enter()

    def open_project(self, path: Any) -> None:
        """Open a project."""
        self.keeper.open(str(path))
        self._enter()

    def _enter(self) -> None:
        self.wait(lambda: self.keeper.project is not None)
        self.finish()
        self.viewer.reset_view()
        self.rest(0.05)

    @property
    def layer(self) -> Any:
        """The layer of the class labels."""
        return self.keeper.labels

    def labels(self) -> np.ndarray:
        """What the class labels are now; a copy."""
        return np.array(self.layer.data)

    # The hand

    def show(self, z: int) -> None:
        """Show a slice."""
        show_position(self.viewer, self.session.choices.image, 0, z)
        self.rest(0)

    def at(self, voxel: Sequence[float]) -> QPoint:
        """Return where a voxel of the image lies on the canvas."""
        _, y, x = self.session.choices.image.data_to_world(voxel)
        column, row = self.canvas.view.scene.node_transform(self.canvas._scene_canvas.scene).map(
            [x, y, 0, 1]
        )[:2]
        return QPoint(round(column), round(row))

    def point(self, voxel: Voxel) -> None:
        """Show the slice of a voxel and move the mouse onto it."""
        self.show(voxel[0])
        self.wait(lambda: self._moves_onto(voxel), 10)

    def _moves_onto(self, voxel: Voxel) -> bool:
        """Move the mouse, and tell whether napari heard of it; of one that stays it hears nothing."""
        for aside in (2, 0):
            QTest.mouseMove(self.canvas.native, self.at(voxel) + QPoint(aside, 0))
            QApplication.processEvents()
        return [
            round(i) for i in self.session.choices.image.world_to_data(self.viewer.cursor.position)
        ][1:] == list(voxel[1:])

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = NONE) -> None:
        """Press a key on the canvas."""
        QTest.keyClick(self.canvas.native, key, modifier)

    def click(self, voxel: Voxel, modifier: Qt.KeyboardModifier = NONE) -> None:
        """Click on a voxel."""
        self.point(voxel)
        QTest.mouseClick(self.canvas.native, LEFT, modifier, self.at(voxel))

    def drag(self, start: Voxel, end: Voxel, steps: int = 8) -> None:
        """Move the mouse from voxel to voxel with the button held."""
        self.point(start)
        first, last = self.at(start), self.at(end)
        QTest.mousePress(self.canvas.native, LEFT, NONE, first)
        for share in np.linspace(0, 1, steps + 1)[1:]:
            QTest.mouseMove(self.canvas.native, first + (last - first) * share)
            self.rest(0.005)
        QTest.mouseRelease(self.canvas.native, LEFT, NONE, last)

    # What a hand does most

    def segment(self, z: int, name: str) -> None:
        """Pick a class, and segment a slice with the key."""
        self.show(z)
        spec = next(spec for spec in self.session.choices.classes if spec.name == name)
        self.session.part(Segmenting).choose_classes((spec,))
        self.press(Qt.Key.Key_S, SHIFT)
        self.finish()

    def paint(self, start: Voxel, end: Voxel, label: int, size: int) -> None:
        """Draw a stroke with napari's brush; label 0 erases."""
        layer = self.viewer.layers.selection.active = self.layer
        layer.mode, layer.brush_size = "paint" if label else "erase", size
        if label:
            layer.selected_label = label
        self.drag(start, end)
        layer.mode = "pan_zoom"

    def use(self, key: Qt.Key, *voxels: Voxel, shift: bool = False) -> None:
        """Use an object tool by its key, on each voxel."""
        self.viewer.layers.selection.active = self.layer
        for voxel in voxels:
            self.point(voxel)
            self.press(key, SHIFT if shift else NONE)
            self.finish()

    def undo(self) -> None:
        """Take the last edit back."""
        self.viewer.layers.selection.active = self.layer
        self.press(Qt.Key.Key_Z, CTRL)

    def redo(self) -> None:
        """Do again what was taken back."""
        self.press(Qt.Key.Key_Z, CTRL | SHIFT)
