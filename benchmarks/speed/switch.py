"""Choosing another class on a segmented slice, in a real window: from dropdown to labels."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
from benchmarks.speed.clock import Figure
from benchmarks.speed.models import shipped_file, stack
from napari.layers import Labels
from qtpy.QtWidgets import QApplication

from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.widget import ScSAMWidget

PATIENCE = 600
"""Seconds to wait for anything."""


def measure(*, quick: bool) -> list[Figure]:
    """Time slices of 512² and of a megapixel."""
    cases = ((96, 1, ""),) if quick else ((512, 5, "≤ 60"), (1000, 5, "≤ 200"))
    with tempfile.TemporaryDirectory() as folder:
        file = shipped_file(Path(folder))
        return [one(file, side, rounds, target) for side, rounds, target in cases]


def one(checkpoint: Path, side: int, rounds: int, target: str) -> Figure:
    """Open a window on a slice, segment it, then choose one class after another."""
    viewer = napari.Viewer()
    try:
        window = Window(viewer, checkpoint)
        viewer.add_image(stack(1, side)[0], name="cell")
        window.first()
        times = [
            window.pick(index) for _ in range(rounds) for index in range(window.classes.count())
        ]
    finally:
        viewer.close()
        QApplication.processEvents()
    return Figure(
        f"shipped model, another class on a slice of {side}²",
        1000 * statistics.median(times),
        "ms",
        target,
    )


class Window:
    """The plugin's widget in a viewer, operated as a user would."""

    def __init__(self, viewer: napari.Viewer, checkpoint: Path) -> None:
        self.viewer = viewer
        widget = ScSAMWidget(viewer)
        viewer.window.add_dock_widget(widget, name="ScSAM")
        self.session = Session.of(viewer)
        self.classes = widget.class_bar.classes
        self.said = ""
        self.drawn = 0.0
        self.session.status.connect(self._hear)
        # napari tells of no drawing; its canvas does.
        viewer.window._qt_viewer.canvas._scene_canvas.events.draw.connect(
            self._see, position="last"
        )
        self.session.choices.choose_checkpoint(checkpoint_info(checkpoint))
        self.wait(lambda: self.session.network.state.startswith("Runs"))

    def first(self) -> None:
        """Segment all classes, and undo it."""
        self.session.part(Segmenting).segment()
        self._painted("classes")
        (labels,) = [layer for layer in self.viewer.layers if isinstance(layer, Labels)]
        labels.undo()
        QApplication.processEvents()

    def pick(self, index: int) -> float:
        """Choose a class and wait until it is shown; return the seconds until it was drawn."""
        start = time.perf_counter()
        self.classes.setCurrentIndex(index)
        self.classes.activated.emit(index)
        return self._painted(self.classes.itemText(index)) - start

    def _painted(self, what: str) -> float:
        """Wait until a result is drawn."""
        self.wait(lambda: f"{what} on".casefold() in self.said.casefold())
        written = time.perf_counter()
        self.wait(lambda: self.drawn > written or time.perf_counter() > written + 0.5)
        seen = (
            self.drawn if self.drawn > written else written
        )  # nothing changed, so nothing was drawn
        for _ in range(10):
            QApplication.processEvents()
        self.said = ""
        return seen

    def wait(self, until: Callable[[], bool]) -> None:
        """Run the event loop until something is true."""
        end = time.perf_counter() + PATIENCE
        while not until():
            QApplication.processEvents()
            if time.perf_counter() > end:
                raise TimeoutError(f"waited {PATIENCE} s; the window last said {self.said!r}")

    def _hear(self, sentence: str) -> None:
        if sentence.startswith("Segmenting"):
            return
        self.said = sentence

    def _see(self, _: object) -> None:
        self.drawn = time.perf_counter()
