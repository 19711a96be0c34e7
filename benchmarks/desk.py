"""A real window that benchmarks operate as a user would, with a volume of instances."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import napari
import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPoint, Qt, QTimer
from qtpy.QtGui import QKeyEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.correction.correct import Correcting
from napari_scsam.gui.widget import ScSAMWidget

VOXEL = (40.0, 8.0, 8.0)
ORIGIN = (400.0, -80.0, 16.0)
"""nm along z, y, x."""
PLACE = {"scale": VOXEL, "translate": ORIGIN, "units": ("nm",) * 3}

PATIENCE = 600
"""Seconds to wait for anything."""


def spheres(
    shape: tuple[int, ...], count: int, seed: int = 0
) -> tuple[NDArray[np.uint16], NDArray[np.intp]]:
    """Create a volume of random balls of 6 to 24 voxels radius; return it and their centres."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    centres = np.stack([rng.integers(25, n - 25, count) for n in shape], axis=1)
    for value, (centre, radius) in enumerate(
        zip(centres, rng.integers(6, 25, count), strict=True), start=1
    ):
        grid = np.ogrid[(slice(-radius, radius + 1),) * 3]
        box = tuple(slice(c - radius, c + radius + 1) for c in centre)
        labels[box][sum(g * g for g in grid) <= radius * radius] = value
    return labels, centres


class Stall(NamedTuple):
    """A time in which the event loop did not run."""

    seconds: float
    busy: float
    """Seconds that this process computed in it, on all its threads; far less than its length when others had the processor."""


class Timing(NamedTuple):
    """How long a user waits, and the stall that she notices."""

    seconds: float
    """Until what was asked for is drawn."""
    stall: Stall
    """The longest, until a little later."""


def clocks() -> tuple[float, float]:
    """Return the time and the CPU time of this process."""
    return time.perf_counter(), time.process_time()


class Desk:
    """A window with the plugin's widget in it."""

    def __init__(self) -> None:
        self.viewer = napari.Viewer()
        widget = ScSAMWidget(self.viewer)
        self.viewer.window.add_dock_widget(widget, name="ScSAM")
        self.session = Session.of(self.viewer)
        self.tools = self.session.part(Correcting)
        self.tools.status.connect(self._hear)
        self.session.status.connect(self._hear)
        self._canvas = self.viewer.window._qt_viewer.canvas
        self._canvas._scene_canvas.events.draw.connect(self._see, position="last")
        self.layer: Labels | None = None
        self.said = ""
        self.drawn = 0.0

    def show(self, labels: Any) -> Labels:
        """Show the instances."""
        self.layer = self.viewer.add_labels(labels, name="instances", **PLACE)
        self.viewer.layers.selection.active = self.layer
        return self.layer

    def wait_for_network(self) -> Stall:
        """Wait until the network is loaded, and return the longest stall."""
        return max(
            self.live(PATIENCE, lambda: self.session.network.state.startswith("Runs")), self.live(2)
        )

    def live(
        self,
        seconds: float = 0.0,
        until: Callable[[], bool] = lambda: False,
        act: Callable[[], object] = lambda: None,
    ) -> Stall:
        """Do something, run the event loop, and return its longest stall."""
        beats = [clocks()]
        timer = QTimer()
        timer.timeout.connect(lambda: beats.append(clocks()))
        timer.start(1)
        end = time.perf_counter() + seconds
        act()
        while time.perf_counter() < end and not until():
            QApplication.processEvents()
            time.sleep(0.0005)
        timer.stop()
        return max(
            Stall(b - a, cpu_b - cpu_a) for (a, cpu_a), (b, cpu_b) in pairwise([*beats, clocks()])
        )

    def watch(
        self, act: Callable[[], object], until: Callable[[], bool], after: float = 0.5
    ) -> Timing:
        """Do something, and run the event loop until it is done and drawn."""
        self.said = ""
        start = time.perf_counter()
        stall = self.live(PATIENCE, until, act)
        if not until():
            raise TimeoutError(f"waited {PATIENCE} s; the window last said {self.said!r}")
        done = time.perf_counter()
        stall = max(stall, self.live(2, lambda: self.drawn > done))
        return Timing(max(done, self.drawn) - start, max(stall, self.live(after)))

    def says(self, *answers: str) -> Callable[[], bool]:
        """Return a check whether the window shows one of these messages."""
        return lambda: any(answer in self.said for answer in answers)

    def redraw(self) -> Timing:
        """Draw the canvas once more, which is not the plugin's work."""
        start = time.perf_counter()
        stall = self.live(0.3, act=self._canvas._scene_canvas.update)
        return Timing(self.drawn - start, stall)

    def look(self, z: int) -> None:
        """Show a slice."""
        self.viewer.dims.set_point(0, ORIGIN[0] + z * VOXEL[0])
        self.live(0.5)

    def point(self, voxel: NDArray[np.intp]) -> None:
        """Show the slice of a voxel and put the mouse on it."""
        place = self.layer.data_to_world(voxel)
        self.viewer.dims.set_point(0, place[0])
        self.viewer.cursor.position = tuple(place)
        self.live(0.1)

    def press(self, key: Qt.Key, answer: str = "changed", *, shift: bool = False) -> Timing:
        """Press a key and time its effect."""
        modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        text = chr(key).upper() if shift else chr(key).lower()
        down, up = (
            QKeyEvent(kind, key, modifier, text)
            for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease)
        )
        found = self.watch(
            lambda: QApplication.postEvent(self._canvas.native, down), self.says(answer)
        )
        QApplication.postEvent(self._canvas.native, up)
        self.live(0.05)
        return found

    def click(self, voxel: Sequence[float], until: Callable[[], bool]) -> Timing:
        """Click on a voxel of the current slice and time its effect."""
        at = self._at(voxel)
        QTest.mouseMove(self._canvas.native, at)
        self.live(0.2)
        return self.watch(
            lambda: QTest.mouseClick(self._canvas.native, Qt.MouseButton.LeftButton, pos=at), until
        )

    def _at(self, voxel: Sequence[float]) -> QPoint:
        camera = self.viewer.scene.camera
        size = self._canvas._scene_canvas.size
        place = np.array(ORIGIN) + np.array(voxel) * VOXEL
        y, x = (
            side / 2 + (place[axis] - camera.center[axis]) * camera.zoom
            for axis, side in ((1, size[1]), (2, size[0]))
        )
        return QPoint(round(x), round(y))

    def close(self) -> None:
        """Close the window."""
        self.viewer.close()
        QApplication.processEvents()

    def _hear(self, sentence: str) -> None:
        self.said = sentence

    def _see(self, _: object) -> None:
        self.drawn = time.perf_counter()
