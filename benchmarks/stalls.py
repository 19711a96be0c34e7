"""The longest stalls of the event loop in a real window, on a project with many instances.

    python -m benchmarks.stalls [--shape 512 1024 1024] [--objects 10000] [--rounds 3] [--json OUT]

Without a screen, run it under ``xvfb-run -a -s "-screen 0 1600x1000x24"``
with ``QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks.correct import find_all, measure
from benchmarks.desk import ORIGIN, VOXEL, Desk, Timing, spheres
from scipy import ndimage

from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.tools.files.export import Exporting
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.propagate import Propagating
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.tools.segment import RANGE, Segmenting
from napari_scsam.io.saved.saved_array import SavedArray
from napari_scsam.project.image import copy_image
from napari_scsam.samples.phantom import MITOCHONDRION, Phantom, make_phantom

TARGET_MS = 100
"""Of a stall."""
CLICK_MS = 200
"""From click to picture."""

Step = tuple[str, Timing]


def main() -> None:
    """Print a line for each kind of work; a star marks what is over its target."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", type=int, nargs=3, default=(512, 1024, 1024))
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, list[Timing]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, timing in steps(
            Path(folder), tuple(options.shape), options.objects, options.rounds
        ):
            found.setdefault(name, []).append(timing)
            print(".", end="", flush=True)
    print()
    for name, timings in found.items():
        print(line(name, timings))
    if options.json:
        table = {name: [timing._asdict() for timing in timings] for name, timings in found.items()}
        options.json.write_text(json.dumps(table, indent=1) + "\n")


def line(name: str, timings: list[Timing]) -> str:
    """Return a line on the times of one kind of work."""
    seconds = [1000 * one.seconds for one in timings]
    stalls = [1000 * one.stall.seconds for one in timings]
    late = name.startswith("click") and statistics.median(seconds) > CLICK_MS
    star = "*" if max(stalls) > TARGET_MS or late else ""
    busy = 1000 * max(one.stall for one in timings).busy
    stall = f"stall {statistics.median(stalls):4.0f} ms (longest of {len(stalls)}: {max(stalls):.0f}, {busy:.0f} of it at work)"
    return f"{name:>40}: {stall}, done after {statistics.median(seconds):.0f} ms {star}"


def steps(folder: Path, shape: tuple[int, int, int], objects: int, rounds: int) -> Iterator[Step]:
    """Work as a user does, and time each kind of work."""
    cell = make_phantom((8, *shape[1:]), VOXEL)
    image = write_image(folder / "cell.zarr", cell, shape)
    labels, centres = spheres(shape, objects)
    desk = Desk()
    yield "load the network", Timing(0, desk.wait_for_network())
    yield (
        "open the image",
        desk.watch(
            lambda: desk.session.open_file(str(image)),
            lambda: desk.session.choices.image is not None,
        ),
    )
    yield from keep(desk, folder / "cell.scsam.zarr", labels)
    for _ in range(10):
        yield "draw the canvas, for comparison", desk.redraw()
    yield from segment(desk, rounds)
    yield from point(desk, cell, rounds)
    yield from export(desk, folder, rounds)
    yield "find all objects, once", find_all(desk)
    for name, timings in measure(desk, centres, rounds):
        yield from ((name, timing) for timing in timings)
    desk.close()


def write_image(path: Path, cell: Phantom, shape: tuple[int, int, int]) -> Path:
    """Write a deep volume: a synthetic cell, forwards and backwards."""
    deep = np.empty(shape, np.uint8)
    for z in range(shape[0]):
        deep[z] = cell.image[to_and_fro(z, len(cell.image))]
    for _ in copy_image(path, deep, VOXEL, ORIGIN):
        pass
    return path


def to_and_fro(z: int, depth: int) -> int:
    """Return the slice at z of a stack that is repeated forwards and backwards."""
    at = z % (2 * depth - 2)
    return min(at, 2 * depth - 2 - at)


def keep(desk: Desk, path: Path, labels: np.ndarray) -> Iterator[Step]:
    """Create a project of the image, and add the instances."""
    keeper = desk.session.part(ProjectKeeper)
    yield "make a project", desk.watch(lambda: keeper.new(str(path)), desk.says("is ready"))
    layer = desk.show(labels)

    def saved() -> bool:
        return isinstance(layer.data, SavedArray) and keeper.saver.state == "All is saved."

    yield "save the instances into it", desk.watch(lambda: None, saved)


def segment(desk: Desk, rounds: int) -> Iterator[Step]:
    """Segment slices, one and several."""
    segmenting = desk.session.part(Segmenting)
    middle = desk.layer.data.shape[0] // 2
    for z in range(middle, middle + 10 * rounds, 10):
        desk.look(z)
        yield (
            "segment a slice, all classes",
            desk.watch(desk.session.part(Segmenting).segment, desk.says(f"on slice {z}:")),
        )
        yield "look at it while others are prepared", Timing(0, desk.live(5))
    segmenting.choose_scope(RANGE)
    segmenting.choose_range(10, 12)
    yield (
        "segment three slices, all classes",
        desk.watch(segmenting.go, desk.says("slices segmented")),
    )


def point(desk: Desk, cell: Phantom, rounds: int) -> Iterator[Step]:
    """Click on an object, accept it, and propagate one."""
    prompting = desk.session.part(Prompting)
    z = desk.layer.data.shape[0] // 2
    desk.look(z)
    yield (
        "begin to point at objects",
        desk.watch(prompting.start, lambda: not desk.session.jobs.worker.busy()),
    )
    place = (z, *biggest(cell.labels[to_and_fro(z, len(cell.labels))] == MITOCHONDRION))
    answered = desk.says("Object:", "Nothing is found")
    for _ in range(3 * rounds):
        yield "click on an object", desk.click(place, answered)
        desk.watch(prompting.discard, desk.says("Discarded"))
    for _ in range(rounds):
        desk.click(place, answered)
        yield "accept an object", desk.watch(prompting.accept, desk.says("Accepted"))
        desk.session.labels.undo()
        desk.click(place, answered)
        prompting.session.part(Propagating).limit(3)
        yield (
            "propagate an object, 3 slices on each side",
            desk.watch(prompting.propagate, desk.says("Accepted")),
        )
        desk.session.labels.undo()
    prompting.stop()
    desk.viewer.layers.selection.active = desk.layer


def biggest(mask: np.ndarray) -> tuple[int, int]:
    """Find the deepest pixel of a mask."""
    row, column = np.unravel_index(ndimage.distance_transform_edt(mask).argmax(), mask.shape)
    return int(row), int(column)


def export(desk: Desk, folder: Path, rounds: int) -> Iterator[Step]:
    """Mark slices as reviewed, and write them as a training set."""
    reviewing = desk.session.part(Reviewing)
    exporting = desk.session.part(Exporting)
    middle = desk.layer.data.shape[0] // 2
    for z in range(middle, middle + 3):
        desk.look(z)
        yield "mark a slice as reviewed", desk.watch(reviewing.mark_slice, desk.says("as reviewed"))
    for number in range(rounds):
        act = lambda out=folder / f"set {number}": exporting.export(str(out), "ome-zarr")  # noqa: E731
        yield "export the reviewed slices", desk.watch(act, desk.says("is written"))


if __name__ == "__main__":
    main()
