"""Object tools on a large instance volume in a real window: from key to picture, and the longest stall of the event loop.

    python benchmarks/correct.py [--zarr] [--shape 512 1024 1024] [--objects 10000] [--rounds 10] [--json OUT]

Without a screen, run it under ``xvfb-run -a -s "-screen 0 1600x1000x24"``
with ``QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import napari
import numpy as np
import zarr
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QApplication

from napari_scsam.gui.correcting import Correcting
from napari_scsam.gui.session import Session
from napari_scsam.gui.widget import ScSAMWidget

SCALE, TRANSLATE = (40.0, 8.0, 8.0), (400.0, -80.0, 16.0)
TARGET_MS = {"picture": 200, "stall": 100}


def spheres(shape: tuple[int, ...], count: int, seed: int = 0) -> tuple[NDArray[np.uint16], NDArray[np.intp]]:
    """Make a volume of random balls, of 6 to 24 voxels radius, and give their centres."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    centres = np.stack([rng.integers(25, n - 25, count) for n in shape], axis=1)
    for value, (centre, radius) in enumerate(zip(centres, rng.integers(6, 25, count), strict=True), start=1):
        grid = np.ogrid[(slice(-radius, radius + 1),) * 3]
        box = tuple(slice(c - radius, c + radius + 1) for c in centre)
        labels[box][sum(g * g for g in grid) <= radius * radius] = value
    return labels, centres


class Desk:
    """A window with the volume in it, used as a hand would."""

    def __init__(self, labels: Any) -> None:
        self.viewer = napari.Viewer()
        self.layer = self.viewer.add_labels(labels, name="instances", scale=SCALE, translate=TRANSLATE, units=("nm",) * 3)
        widget = ScSAMWidget(self.viewer)
        self.viewer.window.add_dock_widget(widget, name="ScSAM")
        self.tools = Correcting.of(Session.of(self.viewer))
        self.tools.said.connect(self._hear)
        self._canvas = self.viewer.window._qt_viewer.canvas
        self._canvas._scene_canvas.events.draw.connect(self._see, position="last")
        self.said, self.drawn = "", 0.0
        session = Session.of(self.viewer)
        self.live(300, lambda: session.model_state.startswith("Runs"))  # it is not the network that is timed
        self.live(2)

    def live(self, seconds: float = 0.0, until: Callable[[], bool] = lambda: False) -> float:
        """Let the event loop run; gives its longest stall in seconds."""
        beats, timer = [time.perf_counter()], QTimer()
        timer.timeout.connect(lambda: beats.append(time.perf_counter()))
        timer.start(1)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end and not until():
            QApplication.processEvents()
            time.sleep(0.0005)
        timer.stop()
        return float(np.diff([*beats, time.perf_counter()]).max())

    def redraw(self) -> float:
        """Draw the canvas once more; gives the longest stall, which is none of the plugin's."""
        self._canvas._scene_canvas.update()
        return self.live(0.3)

    def point(self, voxel: NDArray[np.intp]) -> None:
        """Show the slice of a voxel and put the mouse on it."""
        place = self.layer.data_to_world(voxel)
        self.viewer.dims.set_point(0, place[0])
        self.viewer.cursor.position = tuple(place)
        self.live(0.1)

    def press(self, key: Qt.Key, shift: bool = False) -> tuple[float, float]:
        """Press a key; gives the seconds until what it did is drawn, and the longest stall."""
        modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        self.said = ""
        text = chr(key).upper() if shift else chr(key).lower()
        start = time.perf_counter()
        QApplication.postEvent(self._canvas.native, QKeyEvent(QEvent.Type.KeyPress, key, modifier, text))
        stall = self.live(60, lambda: "changed" in self.said)
        written = self._heard
        stall = max(stall, self.live(2, lambda: self.drawn > written))
        if "changed" not in self.said or self.drawn <= written:
            raise TimeoutError(f"nothing was drawn; the window said {self.said!r}")
        seen = self.drawn - start
        QApplication.postEvent(self._canvas.native, QKeyEvent(QEvent.Type.KeyRelease, key, modifier, text))
        return seen, max(stall, self.live(0.3))

    def _hear(self, sentence: str) -> None:
        self.said, self._heard = sentence, time.perf_counter()

    def _see(self, _: object) -> None:
        self.drawn = time.perf_counter()


def measure(desk: Desk, centres: NDArray[np.intp], rounds: int) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Do each tool on objects of its own, and undo it."""
    data, rng = desk.layer.data, np.random.default_rng(1)
    whole = [c for number, c in enumerate(centres, start=1) if data[tuple(c)] == number]  # not covered by a later ball
    picked = iter(rng.permutation(len(whole)))

    def next_one() -> NDArray[np.intp]:
        return whole[next(picked)]

    def delete() -> tuple[float, float]:
        desk.point(next_one())
        return desk.press(Qt.Key.Key_D, shift=True)

    def merge() -> tuple[float, float]:
        here = next_one()
        near = min((c for c in whole if c is not here and c[0] == here[0]), key=lambda c: np.abs(c - here).sum(), default=None)
        if near is None:
            return merge()
        desk.point(here)
        desk.tools.use("merge")
        desk.point(near)
        return desk.press(Qt.Key.Key_J)

    def split() -> tuple[float, float]:
        here = next_one()
        seeds = here - (0, 0, 3), here + (0, 0, 3)
        if data[tuple(seeds[0])] != data[tuple(seeds[1])]:  # partly covered by a later ball
            return split()
        desk.point(seeds[0])
        desk.tools.use("split")
        desk.point(seeds[1])
        return desk.press(Qt.Key.Key_K)

    for tool in (merge, split, delete):
        results = []
        for _ in range(rounds):
            results.append(tool())
            desk.layer.undo()
            desk.live(0.2)
        yield tool.__name__, results


def main() -> None:
    """Print the table; a star marks what is over its target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs=3, default=(512, 1024, 1024))
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--zarr", action="store_true", help="keep the labels in compressed chunks of 1×512×512")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    labels, centres = spheres(tuple(options.shape), options.objects)
    desk = Desk(chunked(labels) if options.zarr else labels)
    print(f"drawing the canvas, for comparison: longest stall {1000 * statistics.median(desk.redraw() for _ in range(10)):.0f} ms")
    desk.tools.toggle_whole()
    start = time.perf_counter()
    desk.tools.use("next")
    stall = desk.live(600, lambda: desk.said.startswith("Object"))
    table = {"find all objects, once": {"seconds": time.perf_counter() - start, "stall ms": 1000 * stall}}
    print(f"find all objects, once: {time.perf_counter() - start:.1f} s, longest stall {1000 * stall:.0f} ms")
    for name, results in measure(desk, centres, options.rounds):
        pictures, stalls = ([1000 * one[i] for one in results] for i in (0, 1))
        table[name] = {"picture ms, median": statistics.median(pictures), "picture ms, worst": max(pictures), "stall ms": max(stalls)}
        over = "*" if max(pictures) > TARGET_MS["picture"] or max(stalls) > TARGET_MS["stall"] else ""
        picture = f"{statistics.median(pictures):.0f} ms (worst {max(pictures):.0f})"
        print(f"{name:>8}: key to picture {picture}, longest stall {max(stalls):.0f} ms {over}")
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n")
    desk.viewer.close()


def chunked(labels: NDArray[np.uint16]) -> Any:
    """Put the labels where the plugin puts large ones."""
    array = zarr.create_array(store=zarr.storage.MemoryStore(), shape=labels.shape, chunks=(1, 512, 512), dtype=labels.dtype)
    array[...] = labels
    return array


if __name__ == "__main__":
    main()
