"""Measures what the first opening of the widget, and the first Shift+O, cost the window's thread.

    python tests/helpers/first_moments.py

Prints CPU seconds of that thread, in all and in the longest turn of the event loop. What is
imported on other threads in a session is imported before (`preload_labels`); the network is a
stand-in. Without a screen, run it under ``xvfb-run -a -s "-screen 0 1600x1000x24"`` with
``QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "faults"))

import napari
from desk import SHIFT, Desk
from discs import DISCS
from monkey import BlobEngine
from qtpy.QtCore import Qt, QTimer

from napari_scsam.gui import session as sessions
from napari_scsam.gui.layers.class_table import preload_labels
from napari_scsam.gui.opening import import_widget_steps


class Turns:
    """Notes the CPU time of the window's thread between turns of its event loop."""

    def __init__(self) -> None:
        self._timer = QTimer()
        self._timer.timeout.connect(self._note)
        self._last = 0.0
        self.seconds: list[float] = []

    def measure(self, act: Callable[[], object], rest: Callable[[], object]) -> dict[str, float]:
        """Return the seconds of an act and of what follows it."""
        self.seconds.clear()
        self._last = time.thread_time()
        start = self._last
        self._timer.start(0)
        act()
        in_act = time.thread_time() - start
        rest()
        self._timer.stop()
        longest = max(in_act, *self.seconds[1:])
        return {"seconds": round(in_act, 3), "longest_turn": round(longest, 3)}

    def _note(self) -> None:
        now = time.thread_time()
        self.seconds.append(now - self._last)
        self._last = now


def main() -> None:
    """Open a window, and print what its first moments cost."""
    for _ in import_widget_steps():
        pass
    preload_labels()
    sessions.Engine = BlobEngine
    viewer = napari.Viewer()
    viewer.window.resize(1280, 760)
    viewer.add_image(DISCS, name="cell")
    desks: list[Desk] = []
    turns = Turns()

    def settle() -> None:
        desk = desks[0]
        desk.wait(lambda: desk.session.network.state.startswith("Runs"))
        desk.finish()
        desk.rest(0.2)
        desk.finish()

    found = {"opening": turns.measure(lambda: desks.append(Desk(viewer)), settle)}
    for name in ("first Shift+O", "second Shift+O"):
        found[name] = turns.measure(lambda: desks[0].press(Qt.Key.Key_O, SHIFT), settle)
        desks[0].press(Qt.Key.Key_O, SHIFT)
        settle()
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
