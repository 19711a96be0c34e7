"""Play a day's work in a real window until killed, open the project again, and find losses.

    python tests/faults/player.py [--rounds 30] [--seconds 8]

Each round forks a process with a window, which opens the project that the last
one left and goes on with the day, a scene later each time. It is killed at a
random moment. One JSON line a round: how many edits there were, how many of them
were older than a second, and how many voxels of those are not on disk.

Without a screen, run it under ``xvfb-run -a -s "-screen 0 1600x1000x24"``
with ``QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1 OMP_NUM_THREADS=1``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

import day
import napari
from desk import Desk
from expected import NothingThereError
from napari.utils.notifications import notification_manager
from real_em import write_real_em
from watched import Log, Record, read_log, watch

from napari_scsam.gui.layers.locks import locked_labels
from napari_scsam.gui.workarounds.torch_guard import import_torch_stack
from napari_scsam.project.project import CLASSES, REVIEWED, Project

EMDATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SECOND = 1.0
"""What was on the screen so long before must be there."""
WHILE_OPENING = 0.1
"""Share of the rounds that are killed while the project is being opened."""
Found = dict[str, np.ndarray]


def scenes(desk: Desk, first: int) -> Iterator[Iterator[day.Act]]:
    """Yield the scenes of the day without end, from a given one."""

    def predict(_z: int, _name: str) -> np.ndarray:
        raise AssertionError("the acts are not checked here")

    states = [desk.labels()]  # undo goes back as far as it can, whatever was there
    every = (
        lambda: day.segment(desk, predict),
        lambda: day.brush(desk),
        lambda: day.parts(desk),
        lambda: day.shapes(desk),
        lambda: day.back_and_forth(desk, states * (len(desk.layer._undo_history) + 1)),
        lambda: day.lock(desk, predict),
        lambda: day.review(desk),
        lambda: day.propagate(desk),
    )
    return (scene() for scene in islice(cycle(every), first, None))


def play(folder: Path, log: Log, first: int, ready: int) -> None:
    """Open a window, then the project, report both, and continue the day."""
    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    desk = Desk(viewer)
    report_errors(log)
    os.write(ready, b"w")
    sit_down(desk, folder, log)
    os.write(ready, b"p")
    for acts in scenes(desk, first):
        try:
            for act in acts:
                log.add("act", text=act.name)
                act.do()
                desk.finish()
        except NothingThereError:
            continue


def report_errors(log: Log) -> None:
    """Record errors that the window would show, and uncaught ones."""

    def on_notification(notification: Any) -> None:
        if str(notification.severity) == "error":
            log.add("trouble", text=notification.message)

    notification_manager.notification_ready.connect(on_notification)
    sys.excepthook = lambda *error: log.add(
        "trouble", text="".join(traceback.format_exception(*error))
    )


def sit_down(desk: Desk, folder: Path, log: Log) -> None:
    """Open or create the project, and record all changes from now on."""
    if (path := folder / "day.scsam.zarr").exists():
        desk.open_project(path)
    else:
        desk.open_image(folder / "cell.zarr")
        desk.new_project(path)
    project = desk.keeper.project
    mirrors = {name: watch(project.array(name), name, log) for name in (CLASSES, REVIEWED)}
    log.add("opened", CLASSES, desk.labels())
    log.add("opened", REVIEWED, np.asarray(project.reviewed))

    def on_draw(_event: Any) -> None:
        """Check that the screen shows what was recorded."""
        if desk.layer is None or not np.array_equal(desk.labels(), mirrors[CLASSES]):
            log.add("trouble", text="the layer shows other labels than the project was given")
        log.add("locks", text=json.dumps(locked_labels(desk.layer)))

    desk.canvas._scene_canvas.events.draw.connect(on_draw)


def look(folder: Path) -> tuple[Found, list[int]]:
    """Return the labels, marks and locks of the project on disk; none before it was created."""
    if not (path := folder / "day.scsam.zarr").exists():
        return {}, []
    project = Project(path)
    found = {name: np.asarray(project.array(name)) for name in (CLASSES, REVIEWED)}
    (locked,) = [
        layer["locked"]
        for layer in project.record.view.get("layers", ())
        if layer.get("of") == CLASSES
    ] or [[]]
    project.close()
    return found, locked


def lost_voxels(
    name: str, start: Found, found: Found, records: list[Record], killed: float
) -> tuple[int, int]:
    """Count the edits older than a second, and the voxels of `found` that lack them."""
    writes = [r for r in records if r.kind in ("opened", "write") and r.name == name]
    if name not in found:
        return 0, sum(r.data.size for r in writes if r.time <= killed - SECOND)
    must = start.get(name, np.zeros_like(found[name])).copy()
    held = 0
    kept = np.zeros(must.shape, bool)
    for record in writes:
        if record.time <= killed - SECOND:
            must[record.slices] = record.data
            held = held + (record.kind == "write")
        else:
            kept[record.slices] |= found[name][record.slices] == record.data
    return held, int((~(kept | (found[name] == must))).sum())


def judge(folder: Path, start: Found, killed: float) -> tuple[Found, dict[str, Any]]:
    """Compare the project on disk with the record."""
    records = read_log(folder / "log")
    found, locked = look(folder)
    told = [r for r in records if r.kind == "locks"]
    locks = [json.loads(r.text) for r in told if r.time > killed - SECOND] + [
        json.loads(r.text) for r in told if r.time <= killed - SECOND
    ][-1:]
    counts = [lost_voxels(name, start, found, records, killed) for name in (CLASSES, REVIEWED)]
    opened = [r for r in records if r.kind == "opened" and start]
    return found, {
        "act": next((r.text for r in reversed(records) if r.kind == "act"), "opening"),
        "edits": sum(r.kind == "write" for r in records),
        "held": sum(held for held, _ in counts),
        "lost": sum(lost for _, lost in counts),
        "locks": not locks or locked in locks,
        "opened as left": all(np.array_equal(r.data, start[r.name]) for r in opened),
        "trouble": [r.text for r in records if r.kind == "trouble"],
    }


def kill_one(
    folder: Path, start: Found, number: int, seconds: float
) -> tuple[Found, dict[str, Any]]:
    """Run one process until it is killed, after some seconds at most, and judge."""
    (folder / "log").unlink(missing_ok=True)
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        log = Log(folder / "log")
        try:
            play(folder, log, number, writing)
        except BaseException:  # noqa: BLE001  # whatever it is, the judge must hear of it
            log.add("trouble", text=traceback.format_exc())
        os._exit(1)
    os.close(writing)
    chance = random.Random(number)
    wait = chance.uniform(0, seconds)
    for _ in "w" if chance.random() < WHILE_OPENING else "wp":
        os.read(reading, 1)
    os.close(reading)
    time.sleep(wait)
    killed = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    found, verdict = judge(folder, start, killed)
    return found, {"round": number, "seconds": round(wait, 2), **verdict}


def main() -> None:
    """Play the rounds, and report each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=8.0, help="that a round goes on at most")
    parser.add_argument("--emdata", type=Path, default=EMDATA)
    options = parser.parse_args()
    import_torch_stack()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {}
        os.environ |= {"NAPARI_SCSAM_CACHE_GB": "0", "NAPARI_SCSAM_USER": str(folder / "user")}
        write_real_em(options.emdata, folder)
        for number in range(options.rounds):
            found, verdict = kill_one(folder, found, number, options.seconds)
            sys.stdout.write(json.dumps(verdict) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
