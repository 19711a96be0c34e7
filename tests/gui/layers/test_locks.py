from __future__ import annotations

import numpy as np
from napari.layers import Labels

from napari_scsam.gui.layers.locks import LOCKED, lock, locked_labels, protect_locked
from napari_scsam.gui.layers.plane import Plane


def test_locks_come_and_go_and_leave_other_metadata_alone():
    layer = Labels(np.zeros((2, 2), np.uint8), metadata={"mine": 1})
    for value in (3, 1, 3):
        lock(layer, value, locked=True)
    assert locked_labels(layer) == (1, 3)
    assert layer.metadata == {"mine": 1, LOCKED: [1, 3]}
    lock(layer, 3, locked=False)
    lock(layer, 2, locked=False)
    assert locked_labels(layer) == (1,)


def test_locked_pixels_are_protected():
    layer = Labels(np.zeros((2, 2), np.uint8))
    current = np.array([[0, 1], [2, 1]])
    assert not protect_locked(layer, Plane(), slice(None), current).any()
    lock(layer, 1, locked=True)
    np.testing.assert_array_equal(
        protect_locked(layer, Plane(), slice(None), current), current == 1
    )
