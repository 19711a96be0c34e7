"""Do in a window and by commands all that needs no network, where torch cannot be imported.

Run by ``test_without_torch.py``, and by hand with the Python of an environment without torch::

    python tests/helpers/without_torch.py FOLDER

One JSON line says what came out.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib.abc import MetaPathFinder
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import Any

BLOCKED = ("torch", "torchvision", "timm", "segment_anything")


class Blocker(MetaPathFinder):
    """Finds no torch, as if it were not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG002
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Blocker())
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np  # noqa: E402  # torch is blocked first

SCALE = (8.0, 8.0, 8.0)
MIDDLE = ((1, 48, 30),)
PLACES = {"merge": ((1, 48, 30), (1, 48, 8)), "split": ((1, 48, 24), (1, 48, 36))}
"""Where tools are used that are not used in the middle of an object."""


def in_the_window(folder: Path) -> dict[str, Any]:
    """Correct, review, measure and export in a window."""
    import napari
    from desk import Desk

    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(1100, 800)
    viewer.add_image(image(), name="cell", scale=SCALE, units=("nm",) * 3)
    desk = Desk(viewer)
    told: dict[str, Any] = {"state": desk.session.network.state}
    told["device"] = [desk.widget.model.devices.itemText(i) for i in range(2)]
    desk.new_project(folder / "mine.scsam.zarr")
    paint(desk)
    told["tools"] = use_tools(desk)
    desk.widget.segment.segment.click()
    desk.finish()
    told["segment"] = desk.said[-1]
    desk.show(1)
    desk.reviewing.mark_slice()
    desk.finish()
    told["reviewed"] = int(np.asarray(desk.keeper.project.reviewed).any(axis=(1, 2)).sum())
    told["objects"] = objects(desk)
    desk.exporting.export(str(folder / "set"), "tiff")
    desk.finish()
    told["exported"] = len(list((folder / "set").rglob("*.tif")))
    desk.wait(lambda: desk.keeper.saver.state == "All is saved.")
    left = desk.labels()
    viewer.close()
    told["saved"] = bool(np.array_equal(saved(folder / "mine.scsam.zarr"), left))
    return told


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (4, 96, 96), np.uint8)


def paint(desk: Any) -> None:
    """Paint two balls that touch other classes."""
    z, y, x = np.mgrid[:4, :96, :96]
    for value, column, radius in ((1, 30, 15), (3, 60, 15), (1, 8, 5)):
        ball = (np.hypot(y - 48, x - column) < radius) & (z > 0)
        desk.layer.data_setitem(np.nonzero(ball), value)


def use_tools(desk: Any) -> dict[str, bool]:
    """Use each object tool once, and undo it; return which changed the labels."""
    from napari_scsam.gui.object_tools import GRID, Pointing

    changed = {}
    desk.viewer.layers.selection.active = desk.layer
    desk.layer.selected_label = 5
    desk.show(1)
    for tool in chain.from_iterable(GRID):
        before = desk.labels()
        places = PLACES.get(tool.name, MIDDLE)
        if tool.pointing is Pointing.LINE:
            desk.tools._cut_along(desk.layer, np.array([(1, 30, 30), (1, 66, 30)], float))
        else:
            for place in places:
                desk.viewer.cursor.position = tuple(desk.layer.data_to_world(place))
                desk.tools.use(tool.name)
        desk.finish()
        changed[tool.name] = not np.array_equal(before, desk.labels())
        if changed[tool.name]:
            desk.layer.undo()
            desk.finish()
            assert np.array_equal(before, desk.labels()), tool.name
        elif tool.name in ("toggle_lock", "toggle_whole"):
            desk.tools.use(tool.name)
    return changed


def objects(desk: Any) -> dict[str, int]:
    """Find and measure objects, their contacts and their surfaces."""
    from napari_scsam.gui.tools.objects.contacts import MeasuringContacts
    from napari_scsam.gui.tools.objects.find import FindingObjects
    from napari_scsam.gui.tools.objects.select import SelectingObjects
    from napari_scsam.gui.tools.objects.store import ObjectStore

    session = desk.session
    session.part(FindingObjects).find()
    desk.finish()
    table = session.part(ObjectStore).table
    session.part(MeasuringContacts).measure(200.0)
    desk.finish()
    contacts = sum(name.startswith("contact") for name in session.part(ObjectStore).table.columns)
    desk.widget.tabs.show_page("Objects")
    session.part(SelectingObjects).select_rows(np.array([0]))
    desk.viewer.dims.ndisplay = 3
    desk.finish()
    surfaces = sum(type(layer).__name__ == "Surface" for layer in desk.viewer.layers)
    desk.viewer.dims.ndisplay = 2
    return {"rows": len(table), "contacts": contacts, "surfaces": surfaces}


def saved(path: Path) -> np.ndarray:
    """Return the labels of a project on disk."""
    from napari_scsam.project.project import Project

    project = Project(path)
    try:
        return np.asarray(project.array("classes"))
    finally:
        project.close()


def by_commands(folder: Path) -> dict[str, Any]:
    """Run each command; return exit codes and the last line on stderr."""
    import tifffile

    from napari_scsam.cli import build_parser

    labels = str(folder / "labels.tif")
    tifffile.imwrite(labels, np.kron(np.eye(2, dtype=np.uint8), np.ones((24, 24), np.uint8))[None])
    raw = str(folder / "raw.tif")
    tifffile.imwrite(raw, image())
    size = ("--voxel-size", "8", "8", "8")
    told: dict[str, Any] = {}
    names = next(a.choices for a in build_parser()._actions if a.choices)
    for name in names:
        told[f"{name} --help"] = run(name, "--help")
    objects_file = str(folder / "objects.zarr")
    told["instances"] = run("instances", labels, "-o", objects_file)
    told["measure"] = run(
        "measure",
        objects_file,
        "-o",
        str(folder / "t.csv"),
        "--contacts",
        str(folder / "c.csv"),
        *size,
    )
    told["checkpoints"] = run("checkpoints", "list")
    told["info"] = run("checkpoints", "info", "default")
    told["segment"] = run("segment", raw, "-o", str(folder / "out.zarr"), *size)
    told["demo"] = run("demo", "--headless", str(folder / "demo"))
    told["embed"] = run("embed", raw, *size)
    return told


def run(*words: str) -> tuple[int, str]:
    """Run ``scsam`` and return its exit code and its last line on stderr."""
    from napari_scsam.cli import main

    said = StringIO()
    with redirect_stderr(said), redirect_stdout(StringIO()):
        try:
            code = main(words)
        except SystemExit as end:
            code = int(end.code or 0)
    return code, said.getvalue().strip().rpartition("\n")[2]


if __name__ == "__main__":
    out = Path(sys.argv[1])
    found = {"commands": by_commands(out), "window": in_the_window(out)}
    found["loaded"] = sorted({n.partition(".")[0] for n in sys.modules} & set(BLOCKED))
    sys.stdout.write(json.dumps(found) + "\n")
