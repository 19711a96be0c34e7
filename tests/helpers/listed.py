"""Class labels with five objects, and hands for the page Objects."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_scsam.config import ClassSpec

SCALE = (20.0, 8.0, 8.0)
MITO = ClassSpec(1, "mitochondrion", "#e6553c")
BOUNDARY = ClassSpec(2, "mitochondrial_boundary", "#3ca0e6", part_of="mitochondrion")
VESICLE = ClassSpec(3, "vesicle", "#46c864")
CLASSES = (MITO, BOUNDARY, VESICLE)

LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def class_labels() -> np.ndarray:
    """Two mitochondria, one with a boundary, and three vesicles, of which one meets the border."""
    labels = np.zeros((4, 96, 128), np.uint8)
    labels[1:3, 10:22, 10:30] = 2
    labels[1:3, 12:20, 12:28] = 1
    labels[1:4, 50:60, 20:50] = 1
    labels[1:3, 30:34, 90:94] = 3
    labels[2, 70:75, 80:85] = 3
    labels[3, 0:5, 100:105] = 3
    return labels


def click_row(one: SimpleNamespace, row: int, modifier: Qt.KeyboardModifier = PLAIN) -> None:
    """Click on a row of the table."""
    table = one.page.table
    cell = table.visualRect(table.objects.index(row, 1)).center()
    QTest.mouseClick(table.viewport(), LEFT, modifier, cell)


def click_voxel(
    one: SimpleNamespace, y: float, x: float, modifier: Qt.KeyboardModifier = PLAIN
) -> None:
    """Click on a pixel of the slice shown."""
    canvas = one.viewer.window._qt_viewer.canvas
    world = one.session.choices.image.data_to_world((0, y, x))
    node = canvas.view.scene.node_transform(canvas._scene_canvas.scene)
    right, down = node.map([world[-1], world[-2], 0, 1])[:2]
    where = QPoint(round(right), round(down))
    QTest.mouseMove(canvas.native, where)
    QTest.mouseClick(canvas.native, LEFT, modifier, where)


def press(one: SimpleNamespace, key: Qt.Key, modifier: Qt.KeyboardModifier = PLAIN) -> None:
    """Press a key over the canvas."""
    QTest.keyClick(one.viewer.window._qt_viewer.canvas.native, key, modifier)


def shown_ids(one: SimpleNamespace) -> list[int]:
    """Return the labels of the rows of the table, from top to bottom."""
    return one.store.labels[one.page.table.objects.rows].tolist()


def number(found: SimpleNamespace, label: int, key: str = "voxels") -> Any:
    """Return a number of an object as the table has it; None without a row."""
    rows = found.store.rows_of([label])
    if not rows.size:
        return None
    return found.store.table[key][rows[0]]
