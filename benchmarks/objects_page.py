"""How long the window's thread works for each act on the page *Objects* with many objects.

Time of the processor, so that other work on the machine does not count.

    python -m benchmarks.objects_page [--objects 50000] [--json OUT]

Without a screen, run it under ``xvfb-run -a -s "-screen 0 1600x1000x24"``
with ``QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_scsam.config import ClassSpec
from napari_scsam.gui.layers.class_table import new_labels
from napari_scsam.gui.session import Session
from napari_scsam.gui.widget import OBJECTS, ScSAMWidget

TARGET_MS = 100
CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "vesicle"), ClassSpec(3, "membrane"))
PITCH = 7
"""Voxels from object to object."""

ROUNDS = 5


class Page:
    """A window with many objects, and the page open."""

    def __init__(self, objects: int) -> None:
        data = grid_of(objects)
        self.viewer = napari.Viewer()
        self.viewer.window._qt_window.resize(1280, 760)
        image = self.viewer.add_image(
            np.where(data, 90, 150).astype(np.uint8), name="cell", scale=(8,) * 3, units=("nm",) * 3
        )
        self.widget = ScSAMWidget(self.viewer)
        self.viewer.window.add_dock_widget(self.widget, name="ScSAM")
        session = Session.of(self.viewer)
        session.choices.choose_image(image)
        labels = new_labels(image, CLASSES)
        labels.data[...] = data
        self.viewer.add_layer(labels)
        session.outputs.use(image, labels)
        self.session = session
        self.desk = self.widget.objects_desk
        self.store = self.desk.store
        self.panel = self.widget.objects
        self.widget.tabs.show_page(OBJECTS)
        self.wait()
        self.panel.search.click()
        self.wait(lambda: len(self.store.table) > 0, 300)
        self.wait()

    def wait(self, ready: Callable[[], bool] = lambda: False, seconds: float = 1.0) -> None:
        """Let the event loop run."""
        end = time.monotonic() + seconds
        while not ready() and time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.005)

    def click_row(self, row: int) -> None:
        """Click on a row that is in sight."""
        table = self.panel.table
        table.scrollTo(table.objects.index(row, 1))
        cell = table.visualRect(table.objects.index(row, 1)).center()
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell)


def grid_of(objects: int) -> np.ndarray:
    """Return class labels of cubes of several sizes on a grid."""
    side = int(np.ceil(objects ** (1 / 3)))
    data = np.zeros((side * PITCH,) * 3, np.uint8)
    for size, number in ((3, 1), (4, 2), (5, 3)):
        for z in range((number - 1) * PITCH, len(data), 3 * PITCH):
            block = data[z : z + size]
            for y in range(size):
                for x in range(size):
                    block[:, y::PITCH, x::PITCH] = number
    return data


def acts(page: Page) -> list[tuple[str, Callable[[], object]]]:
    """Return what is timed: a name and what is done."""
    store = page.store
    table = page.panel.table
    filters = page.panel.filters
    some = np.random.default_rng(0)
    count = len(store.table)
    keys = table.objects.keys
    rows = iter(some.integers(0, count, 1000).tolist())
    flip = iter([0, 1] * 1000)

    def sort(key: str) -> None:
        order = (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder)[next(flip)]
        table.sortByColumn(keys.index(key), order)

    def edit() -> None:
        box = store.box_of(next(rows))
        voxel = tuple(np.array([side.start]) for side in box)
        store.layer.data_setitem(voxel, 0)
        store.catch_up()

    area = lambda: page.panel.plots.area  # noqa: E731  # made when it is first shown
    return [
        ("click a row, anywhere", lambda: page.click_row(next(rows))),
        ("next unreviewed object", page.desk.walking.next_unreviewed),
        ("mark one as reviewed", page.desk.walking.mark),
        ("sort by class", lambda: sort("class")),
        ("sort by volume", lambda: sort("volume_um3")),
        ("filter by class", lambda: filters.class_chosen.emit(("vesicle", "")[next(flip)])),
        ("filter by size", lambda: filters.sizes_chosen.emit((0, 2e-5)[next(flip)], 1.0)),
        ("select every second", lambda: page.desk.selecting.select(store.labels[next(flip) :: 2])),
        ("select one", lambda: page.desk.selecting.select([int(store.labels[next(rows)])])),
        ("scroll to the end", lambda: (table.scrollToBottom(), table.scrollToTop())),
        ("edit one, measured again", edit),
        ("napari's own table", store.write_features),
        ("show the plot", page.panel.plot.click),
        ("drag in the plot", lambda: area() and area().dragged.emit((0, 3e-5), (0, 1e9))),
        ("scatter", lambda: page.panel.plots.up.picked.emit("voxels")),
    ]


def main() -> None:
    """Print a line for each act; a star marks what is over the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=50_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    page = Page(options.objects)
    print(f"{len(page.store.table)} objects")
    found = {}
    for name, act in acts(page):
        times = []
        for _ in range(ROUNDS):
            start = time.thread_time()
            act()
            QApplication.processEvents()  # what is drawn counts
            times.append(1000 * (time.thread_time() - start))
            page.wait(seconds=0.3)
        found[name] = [round(one, 1) for one in times]
        star = "*" if statistics.median(times) > TARGET_MS else ""
        print(f"{name:>30}: {statistics.median(times):5.0f} ms, longest {max(times):5.0f} {star}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    os._exit(0)  # a window that is closed would be waited for


if __name__ == "__main__":
    main()
