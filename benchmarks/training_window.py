"""The longest stalls of the window while it trains: ``python -m benchmarks.training_window``.

A synthetic cell is opened in a real window, two slices are reviewed, and a
short training runs in its process. Meanwhile slices are looked at, and the
training is paused, continued and cancelled. A stall is what the window's own
thread computes between two beats of a timer; waiting for a busy machine does
not count. Without a screen, run it under ``xvfb-run -a -s "-screen 0
1600x1000x24"`` with ``QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.desk import PATIENCE, VOXEL, Desk
from benchmarks.stalls import write_image
from qtpy.QtCore import Qt, QTimer

from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.tools.train import ProjectTraining
from napari_scsam.project.training_job import Phase
from napari_scsam.samples.phantom import make_phantom

TARGET_MS = 100
"""Of the window's own work at a stretch."""

SHAPE = (8, 256, 256)
SHORT = {"crops": 6, "replayed": 2, "validated": 2, "batch": 2, "most_steps": 40}
"""Settings of a training that shows everything in a short time."""

MINUTES = 30.0
"""More than it takes, on a busy machine too."""

Row = tuple[str, float]
"""What was done, and the milliseconds of the longest stall."""


class Beats:
    """Measures the CPU time of this thread between the beats of a timer."""

    def __init__(self) -> None:
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._last = time.thread_time()
        self._longest = 0.0
        self._timer.start(1)

    def _beat(self) -> None:
        now = time.thread_time()
        self._longest = max(self._longest, now - self._last)
        self._last = now

    def longest(self) -> float:
        """Return the milliseconds of the longest stall since this was asked last."""
        self._beat()
        found = 1000 * self._longest
        self._longest = 0.0
        return found


def main() -> None:
    """Print a line for each thing that is done; a star marks what is over the target."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for what, stall in rows(Path(folder)):
            found.append((what, stall))
            print(f"{what}: {stall:.0f} ms{' *' if stall > TARGET_MS else ''}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(dict(found), indent=1) + "\n", encoding="utf-8")


def rows(folder: Path) -> Iterator[Row]:
    """Train in a window, and measure."""
    desk = Desk()
    desk.wait_for_network()
    prepare(desk, folder)
    training = desk.session.part(ProjectTraining)
    heard: list[dict[str, Any]] = []
    training.heard.connect(heard.append)
    training.set_minutes(MINUTES)
    beats = Beats()
    training.start(SHORT)
    wait(desk, lambda: training.phase == Phase.RUNNING)
    yield "begin", beats.longest()
    wait(desk, lambda: steps_learned(heard) >= 1)
    yield "until it learns", beats.longest()
    for z in range(SHAPE[0]):
        desk.look(z)
    yield "look at slices while it learns", beats.longest()
    wait(desk, lambda: steps_learned(heard) >= 5)
    yield "curves and the tile are drawn", beats.longest()
    training.pause()
    desk.live(1.0)
    training.resume()
    yield "pause and continue", beats.longest()
    pressed = time.monotonic()
    training.cancel()
    wait(desk, lambda: training.phase == Phase.FINISHED)
    print(f"(the answer to cancel took {time.monotonic() - pressed:.2f} s)")
    yield "cancel", beats.longest()
    desk.close()


def prepare(desk: Desk, folder: Path) -> None:
    """Open a synthetic cell, create its project, and mark two slices as reviewed."""
    cell = make_phantom(SHAPE, VOXEL)
    desk.session.open_file(str(write_image(folder / "cell.zarr", cell, SHAPE)))
    wait(desk, lambda: desk.session.choices.image is not None)
    keeper = desk.session.part(ProjectKeeper)
    desk.watch(lambda: keeper.new(str(folder / "cell.scsam.zarr")), desk.says("is ready"))
    for z in (1, 5):
        desk.look(z)
        keeper.labels.data[z] = cell.labels[z]
        mark = desk.session.part(Reviewing).mark_slice
        desk.watch(mark, desk.says("reviewed"))


def steps_learned(heard: list[dict[str, Any]]) -> int:
    """Return how many steps of learning were heard of."""
    return sum(each.get("phase") == "learning" for each in heard)


def wait(desk: Desk, until: Callable[[], bool]) -> None:
    """Let the window live until something is true.

    Raises
    ------
    TimeoutError
        When it does not become true.
    """
    desk.live(PATIENCE, until)
    if not until():
        raise TimeoutError(f"waited {PATIENCE} s; the window last said {desk.said!r}")


if __name__ == "__main__":
    main()
