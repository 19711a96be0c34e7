"""A stand-in for the process that trains: it does at once what a file in the folder of the job says.

The window starts it as ``python -m fake_training FOLDER``. It knows no torch.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

LINES = {"before": {"mitochondrion": 0.5}, "after": {"mitochondrion": 0.75}, "steps": 3}
BETTER = {
    **LINES,
    "offered": True,
    "reason": "On regions it did not learn from, Dice rose by 0.250.",
}
WORSE = {
    **LINES,
    "offered": False,
    "reason": "On regions it did not learn from, Dice changed by -0.100 only.",
}


def say(**message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def step(number: int, **more: object) -> None:
    common = {"seconds": float(number), "left": 30.0, "first": {"mitochondrion": 0.5}}
    losses = {"loss": 1.0 / number}
    say(kind="step", phase="learning", step=number, total=9, losses=losses, **common, **more)


def finish(folder: Path, report: dict) -> None:
    if report["offered"]:
        (folder / "tuned.safetensors").write_bytes(Path(os.environ["FAKE_CHECKPOINT"]).read_bytes())
    (folder / "report.json").write_text(json.dumps(report))
    say(kind="done", report=report)


def listen(heard: list[str]) -> None:
    for line in sys.stdin:  # each as it comes
        heard += [line.strip()]
    heard.append("gone")


def main() -> int:
    folder = Path(sys.argv[1])
    what = os.environ["FAKE_TRAINING"]
    heard: list[str] = []
    threading.Thread(target=listen, args=(heard,), daemon=True).start()
    say(kind="started")
    step(1)
    np.save(folder / "picture.npy", np.full((32, 32, 3), 90, np.uint8))
    say(kind="picture")
    step(2, dice={"mitochondrion": 0.75})
    if what == "better":
        finish(folder, BETTER)
    if what == "worse":
        finish(folder, WORSE)
    if what == "memory":
        say(kind="failed", why="training ran out of memory; close other programs, then resume it")
        return 1
    if what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "deaf":  # in the middle of a long step
        (folder / "best.safetensors").write_bytes(Path(os.environ["FAKE_CHECKPOINT"]).read_bytes())
        (folder / "best.json").write_text(json.dumps(BETTER))
        say(kind="best", report=BETTER)
        time.sleep(60)
    while what == "waits" and not {"stop", "gone"} & set(heard):
        time.sleep(0.01)
        (folder / "heard.log").write_text(" ".join(heard))
    (folder / "heard.log").write_text(" ".join(heard))
    return 0


if __name__ == "__main__":
    sys.exit(main())
