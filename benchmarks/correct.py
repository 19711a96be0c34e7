"""Object tools on a large volume in a real window: time from key to picture, and stalls.

    python -m benchmarks.correct [--zarr | --project] [--shape 512 1024 1024] [--objects 10000] [--rounds 10] [--json OUT]

Without a screen, run it under ``xvfb-run -a -s "-screen 0 1600x1000x24"``
with ``QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from benchmarks.desk import Desk, Timing, spheres
from numpy.typing import NDArray
from qtpy.QtCore import Qt

from napari_scsam.io.label_pyramid import new_level
from napari_scsam.io.saved.saved_array import SavedArray

TARGET_MS = {"picture": 200, "stall": 100}


def main() -> None:
    """Print the table; a star marks what is over its target."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", type=int, nargs=3, default=(512, 1024, 1024))
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=10)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--zarr",
        action="store_true",
        help="keep the labels in a zarr array on disk, in chunks of 1×512×512",
    )
    where.add_argument("--project", action="store_true", help="keep them as a project does")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    labels, centres = spheres(tuple(options.shape), options.objects)
    with tempfile.TemporaryDirectory() as folder:
        data = (
            chunked(labels, folder)
            if options.zarr
            else kept(labels, folder)
            if options.project
            else labels
        )
        desk = Desk()
        desk.wait_for_network()  # it is not the network that is timed
        desk.show(data)
        table = {"draw canvas": report("draw canvas", [desk.redraw() for _ in range(10)])}
        table["find all"] = report("find all", [find_all(desk)])
        for name, results in measure(desk, centres, options.rounds):
            table[name] = report(name, results)
        if options.json:
            options.json.write_text(json.dumps(table, indent=1) + "\n")
        desk.close()


def chunked(labels: NDArray[np.uint16], folder: str) -> Any:
    """Write the labels into a zarr array as a script would."""
    array = zarr.create_array(
        f"{folder}/labels.zarr", shape=labels.shape, chunks=(1, 512, 512), dtype=labels.dtype
    )
    for z, plane in enumerate(labels):
        array[z] = plane
    return array


def kept(labels: NDArray[np.uint16], folder: str) -> SavedArray:
    """Write the labels as a project does, and open them again."""
    stored = new_level(zarr.open_group(folder), "instances", labels.shape, labels.dtype)
    for z, plane in enumerate(labels):
        stored[z] = plane
    array = SavedArray(stored)
    array.preload()
    return array


def find_all(desk: Desk) -> Timing:
    """Find the objects of the volume, once."""
    desk.tools.toggle_whole()
    return desk.watch(lambda: desk.tools.use("next"), lambda: desk.said.startswith("Object"))


def measure(
    desk: Desk, centres: NDArray[np.intp], rounds: int
) -> Iterator[tuple[str, list[Timing]]]:
    """Apply each tool to objects of its own, and undo and redo it."""
    data = desk.layer.data
    rng = np.random.default_rng(1)
    whole = [
        c for number, c in enumerate(centres, start=1) if data[tuple(c)] == number
    ]  # not covered by a later ball
    picked = iter(rng.permutation(len(whole)))

    def next_one() -> NDArray[np.intp]:
        return whole[next(picked)]

    def delete() -> Timing:
        desk.point(next_one())
        return desk.press(Qt.Key.Key_D, shift=True)

    def merge() -> Timing:
        here = next_one()
        near = min(
            (c for c in whole if c is not here and c[0] == here[0]),
            key=lambda c: np.abs(c - here).sum(),
            default=None,
        )
        if near is None:
            return merge()
        desk.point(here)
        desk.tools.use("merge")
        desk.point(near)
        return desk.press(Qt.Key.Key_J)

    def split() -> Timing:
        here = next_one()
        seeds = here - (0, 0, 3), here + (0, 0, 3)
        if data[tuple(seeds[0])] != data[tuple(seeds[1])]:  # partly covered by a later ball
            return split()
        desk.point(seeds[0])
        desk.tools.use("split")
        desk.point(seeds[1])
        return desk.press(Qt.Key.Key_K)

    undone: list[Timing] = []
    for tool in (merge, split, delete):
        results = []
        for _ in range(rounds):
            results.append(tool())
            undone += [
                back(desk, act) for act in (desk.layer.undo, desk.layer.redo, desk.layer.undo)
            ]
        yield tool.__name__, results
    yield "undo/redo", undone


def back(desk: Desk, act: Callable[[], None]) -> Timing:
    """Undo or redo, which is napari's own work, and see it drawn."""
    start = time.perf_counter()
    return desk.watch(act, lambda: desk.drawn > start, after=0.2)


def report(name: str, results: list[Timing]) -> dict[str, float]:
    """Print one line, and return it as numbers."""
    pictures = [1000 * one.seconds for one in results]
    stalls = [1000 * one.stall.seconds for one in results]
    longest = max(one.stall for one in results)
    over = (
        "*"
        if (name != "find all" and max(pictures) > TARGET_MS["picture"])
        or max(stalls) > TARGET_MS["stall"]
        else ""
    )
    picture = f"{statistics.median(pictures):.0f} ms (worst {max(pictures):.0f})"
    stall = f"{statistics.median(stalls):.0f} ms (longest {max(stalls):.0f}, {1000 * longest.busy:.0f} of it at work)"
    print(f"{name:>11}: to picture {picture}, stall {stall} {over}", flush=True)
    return {
        "picture ms, median": statistics.median(pictures),
        "picture ms, worst": max(pictures),
        "stall ms": max(stalls),
    }


if __name__ == "__main__":
    main()
