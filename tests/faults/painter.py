"""Paint at random into a project until killed, and repeat the edits in memory to check them.

``python painter.py PROJECT ROUNDS [FIRST_SEED]`` forks a painter for each round, kills it at
a random moment, opens the project again and compares. It prints one JSON line a round.
"""

from __future__ import annotations

import json
import os
import random
import signal
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from napari_scsam.project.project import CLASSES, Project

RECORD = struct.Struct("=id")
"""Number of an edit, and when it was on the screen."""


def edits(viewer: ViewerModel, layer: Labels, seed: int) -> Iterator[int]:
    """Paint, fill, undo and redo, one edit after another; the seed fixes them."""
    chance = random.Random(seed)
    depth, height, width = layer.data.shape
    layer.mode = "paint"
    number = 0
    while True:
        z = chance.randrange(depth)
        y = chance.randrange(height)
        x = chance.randrange(width)
        kind = chance.choice(["paint", "paint", "paint", "set", "slice", "undo", "redo"])
        label = chance.randrange(6)
        size = chance.randrange(5, 90)
        if kind == "paint":
            viewer.dims.set_point(0, z)
            layer.brush_size = size
            with layer.block_history():
                for step in range(3):
                    layer.paint((z, y, min(width - 1, x + 5 * step)), label)
        elif kind == "set":
            with layer.block_history():
                points = np.indices((depth, min(size, height - y), 7)).reshape(3, -1)
                layer.data_setitem(
                    (points[0], points[1] + y, np.minimum(points[2] + x, width - 1)), label
                )
        elif kind == "slice":
            viewer.dims.set_point(0, z)
        else:
            getattr(layer, kind)()
        yield number
        number += 1


def show(data: Any) -> tuple[ViewerModel, Labels]:
    """Show labels in a viewer without a window."""
    viewer = ViewerModel()
    return viewer, viewer.add_labels(data, scale=(40, 8, 8), translate=(400, 80, 16))


def paint_until_killed(path: Path, seed: int, pipe: int) -> None:
    """Report every edit when it is on the screen."""
    project = Project(path)
    for number in edits(*show(project.array(CLASSES)), seed):
        os.write(pipe, RECORD.pack(number, time.monotonic()))
        time.sleep(1 / 60)


def states(start: np.ndarray, seed: int, first: int, last: int) -> list[np.ndarray]:
    """Return the labels after the edits `first` to `last`; -1 is before any."""
    data = start.copy()
    found = [data.copy()] if first < 0 else []
    viewer, layer = show(data)
    for number in edits(viewer, layer, seed):
        if number > last:
            return found
        if number >= first:
            found.append(data.copy())
    return found


def judge(
    path: Path, start: np.ndarray, seed: int, records: list[tuple[int, float]], killed: float
) -> dict[str, Any]:
    """Compare disk and screen: every voxel must be as it was within the last second.

    A chunk may be written while an edit of several strokes is half done.
    """
    project = Project(path)
    found = project.array(CLASSES)[...]
    project.close()
    old = max((number for number, when in records if when <= killed - 1.0), default=-1)
    last = records[-1][0] + 1 if records else 0  # one more may have been done and not told of
    possible = states(start, seed, old, last)
    kept = np.logical_or.reduce([found == state for state in possible])
    lost = int((~kept).sum())
    return {
        "edits": len(records),
        "held": old + 1,
        "lost": lost,
        "labelled": int((found > 0).sum()),
    }


def play(path: Path, seed: int) -> dict[str, Any]:
    """Fork a painter, kill it at a random moment, and judge."""
    project = Project(path)
    start = project.array(CLASSES)[...]
    project.close()
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(reading)
        paint_until_killed(path, seed, writing)
    os.close(writing)
    time.sleep(random.Random(seed).uniform(0.2, 2.2))
    killed = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    records = [
        RECORD.unpack_from(told, at) for at in range(0, len(told) - RECORD.size + 1, RECORD.size)
    ]
    return judge(path, start, seed, records, killed)


if __name__ == "__main__":
    project_path, rounds, first_seed = [*sys.argv[1:], "0"][:3]
    for seed in range(int(first_seed), int(first_seed) + int(rounds)):
        sys.stdout.write(json.dumps(play(Path(project_path), seed)) + "\n")
        sys.stdout.flush()
