"""Play a day's work against a server that is cut or killed at random moments, and count what is lost.

    python tests/faults/server_cut.py [--rounds 30] [--seed 0]

One window works on a server in another process, through a relay. Each round goes on with the day, and
meanwhile the line is cut, or the server is killed and started again on its port. One JSON line a round:
the act, what was done to the line, how many voxels of edits were lost, how long the window said
nothing of the cut, and the longest time for which it did not respond.

Without a screen, run it under ``xvfb-run -a -s "-screen 0 1600x1000x24"``
with ``QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1 OMP_NUM_THREADS=1``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))
sys.path.insert(0, str(Path(__file__).parent))

import napari
from desk import Desk
from expected import NothingThereError
from player import scenes
from qtpy.QtCore import QTimer
from relay import Relay
from served import TOKEN, served_in_a_process

from napari_scsam.gui.tools import server as server_tool
from napari_scsam.gui.tools.server import ServerChoice
from napari_scsam.project.image import copy_image
from napari_scsam.samples.shipped import open_shipped

SIZE = (40.0, 8.0, 8.0)
LONGEST = 5.0
"""Seconds for which a window may say nothing of a line that is cut."""


class Pulse:
    """Measures the longest time for which the window does not respond."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.longest = 0.0
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(20)

    def _beat(self) -> None:
        now = time.monotonic()
        self.longest = max(self.longest, now - self.last)
        self.last = now

    def reset(self) -> None:
        """Begin again."""
        self.last = time.monotonic()
        self.longest = 0.0


class Server:
    """A server in a process of its own, which can be killed and started again on its port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.address = self._start(0)

    def restart(self) -> None:
        """Kill it, and start it again."""
        self._stack.close()
        self._start(int(self.address.rpartition(":")[2]))

    def close(self) -> None:
        """Kill it."""
        self._stack.close()

    def _start(self, port: int) -> str:
        served = served_in_a_process(self._folder, port=port)
        address, _process = self._stack.enter_context(served)
        return address


def break_line(desk: Desk, relay: Relay, server: Server, kind: str) -> dict[str, float]:
    """Cut the line or kill the server, wait for the word of the window, and mend it."""
    network = desk.session.network
    start = time.monotonic()
    relay.cut()
    desk.wait(lambda: network.trouble, 60)
    silent = time.monotonic() - start
    if kind == "kill":
        restart = threading.Thread(target=server.restart)
        restart.start()
        desk.wait(lambda: not restart.is_alive(), 300)
    relay.mend()
    desk.wait(lambda: not network.trouble, 300)
    return {"silent_s": round(silent, 2), "back_s": round(time.monotonic() - start, 2)}


def play(folder: Path, rounds: int, seed: int) -> int:
    """Play, and return how many rounds lost an edit or said nothing for too long."""
    rng = random.Random(seed)
    server = Server(folder)
    relay = Relay(server.address)
    server_tool.keep_token = lambda *_: True
    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    desk = Desk(viewer)
    desk.session.part(ServerChoice).use(relay.address, TOKEN)
    desk.wait(lambda: desk.session.network.state.startswith("Runs on server"))
    write_image(folder)
    desk.open_image(folder / "cell.zarr")
    desk.new_project(folder / "day.scsam.zarr")
    acts = chain.from_iterable(scenes(desk, 0))
    pulse = Pulse()
    bad = 0
    for number in range(rounds):
        report = one_round(desk, relay, server, acts, rng, pulse)
        bad += bool(report["lost"]) or report["silent_s"] > LONGEST
        print(json.dumps({"round": number, **report}), flush=True)  # noqa: T201
    relay.close()
    server.close()
    viewer.close()
    return bad


def one_round(
    desk: Desk, relay: Relay, server: Server, acts: Any, rng: random.Random, pulse: Pulse
) -> dict[str, Any]:
    """Do an act, break the line at a random moment after it began, and look at the labels."""
    act = next_act(acts)
    kind = rng.choice(("cut", "cut", "kill"))
    pulse.reset()
    before = desk.labels()
    broken: dict[str, Any] = {}
    delay = rng.uniform(0.0, 1.5)

    def strike() -> None:
        relay.cut()
        broken["at"] = time.monotonic()

    QTimer.singleShot(int(delay * 1000), strike)
    QTimer.singleShot(int(delay * 1000) + rng.randrange(200, 4000), relay.mend)
    try:
        act.do()
        desk.finish()
        name = act.name
    except NothingThereError:
        name = f"{act.name} (nothing there)"
    desk.wait(lambda: "at" in broken and not relay.is_cut, 60)
    edits = desk.labels()
    timing = break_line(desk, relay, server, kind)
    desk.finish()
    lost = int(np.count_nonzero(desk.labels() != edits))
    changed = int(np.count_nonzero(edits != before))
    desk.wait(lambda: desk.keeper.saver.state == "All is saved.", 60)
    stored = np.asarray(desk.keeper.project.array("classes"))
    lost += int(np.count_nonzero(stored != edits))
    return {
        "act": name,
        "kind": kind,
        "changed": changed,
        "lost": lost,
        **timing,
        "frozen_s": round(pulse.longest, 2),
    }


def next_act(acts: Any) -> Any:
    """Return the next act that finds what it works on."""
    while True:
        try:
            return next(acts)
        except NothingThereError:
            continue


def write_image(folder: Path) -> None:
    """Write the image of the package as ten slices of a volume."""
    data = np.asarray(open_shipped().data[:10, :160, :192])
    list(copy_image(folder / "cell.zarr", data, SIZE, (0.0, 0.0, 0.0)))


def main() -> None:
    """Play as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_SCSAM_USER"] = str(Path(folder) / "user")
        os.environ["NAPARI_SCSAM_CACHE_GB"] = "0"
        sys.exit(int(bool(play(Path(folder), given.rounds, given.seed))))


if __name__ == "__main__":
    main()
